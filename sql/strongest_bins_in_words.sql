-- question: What are the texts of each benchmark's strongest bins like, in words?
-- grain: one row per model, method, benchmark and bin, the five largest z of each benchmark
-- reads: bin_influence, distinctive_terms
select
    bins.model,
    bins.method,
    bins.benchmark,
    bins.z_rank,
    bins.topic,
    bins.format,
    round(bins.z, 2) as z,
    bins.n_documents,
    string_agg(terms.term, ', ' order by terms.rank) as terms
from bin_influence as bins
left join distinctive_terms as terms
    on
        terms.level = 'bin'
        and bins.topic = terms.topic
        and bins.format = terms.format
        and terms.rank <= 10
where bins.z_rank <= 5
group by
    bins.model,
    bins.method,
    bins.benchmark,
    bins.z_rank,
    bins.topic,
    bins.format,
    bins.z,
    bins.n_documents
order by bins.model, bins.method, bins.benchmark, bins.z_rank
