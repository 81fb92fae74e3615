{{ config(meta={'dagster': {'ref': {'name': 'bin_influence_by_correctness'}}}) }}
-- No method and benchmark lacks a bin, however empty.
select
    model,
    method,
    benchmark,
    item_subset,
    count(*) as n_rows
from {{ ref('bin_influence_by_correctness') }}
group by model, method, benchmark, item_subset
having count(*) != (select count(*) from {{ ref('bins') }})
