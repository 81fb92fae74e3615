-- question: Where is the sample too thin to conclude from?
-- grain: one row per topic
-- reads: bins
select
    topic,
    count(*) filter (where stratum = 'empty') as n_empty_bins,
    count(*) filter (where sampled_documents between 1 and 2) as n_bins_of_one_or_two,
    -- Of an import nobody knows how many documents there were to draw from.
    case
        when count(population_documents) = count(*)
            then count(*) filter (where stratum = 'full')
    end as n_full_bins,
    cast(sum(sampled_documents) as bigint) as sampled_documents,
    cast(sum(population_documents) as bigint) as population_documents
from bins
group by topic
order by n_empty_bins desc, n_bins_of_one_or_two desc, topic
