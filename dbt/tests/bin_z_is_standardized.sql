{{ config(meta={'dagster': {'ref': {'name': 'bin_influence_by_correctness'}}}) }}
-- Over the bins with documents z has mean 0 and standard deviation 1 (ddof = 1).
select
    model,
    method,
    benchmark,
    item_subset,
    avg(z) as mean_z,
    stddev_samp(z) as spread_of_z
from {{ ref('bin_influence_by_correctness') }}
group by model, method, benchmark, item_subset
having abs(avg(z)) > 1e-9 or abs(stddev_samp(z) - 1) > 1e-9
