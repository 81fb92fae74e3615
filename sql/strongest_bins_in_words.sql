-- question: What are the texts like of the bins that each benchmark draws on most, in words?
-- grain: one row per model, method, benchmark and bin, the five surest of three documents or more
-- reads: bin_influence, distinctive_terms
with ranked as (
    select
        *,
        row_number() over (
            partition by model, method, benchmark
            order by n_documents < 3, support_t desc nulls last, z desc, bin_id
        ) as place
    from bin_influence
    where z is not null
)

select
    bins.model,
    bins.method,
    bins.benchmark,
    bins.place,
    bins.topic,
    bins.format,
    round(bins.support, 3) as support,
    round(bins.support_q_value, 4) as support_q_value,
    round(bins.z, 2) as z,
    bins.n_documents,
    string_agg(terms.term, ', ' order by terms.rank) as terms
from ranked as bins
left join distinctive_terms as terms
    on
        terms.level = 'bin'
        and bins.topic = terms.topic
        and bins.format = terms.format
        and terms.rank <= 10
where bins.place <= 5
group by
    bins.model,
    bins.method,
    bins.benchmark,
    bins.place,
    bins.topic,
    bins.format,
    bins.support,
    bins.support_q_value,
    bins.z,
    bins.n_documents
order by bins.model, bins.method, bins.benchmark, bins.place
