{{ config(meta={'dagster': {'ref': {'name': 'bin_influence_by_correctness'}}}) }}
-- The places among the items' strongest documents are shared out over the bins.
select
    model,
    method,
    benchmark,
    item_subset,
    sum(top_share) as total
from {{ ref('bin_influence_by_correctness') }}
group by model, method, benchmark, item_subset
having abs(sum(top_share) - 1) > 1e-9
