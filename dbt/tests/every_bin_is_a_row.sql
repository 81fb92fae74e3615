{{ config(meta={'dagster': {'ref': {'name': 'bin_influence'}}}) }}
-- No method and benchmark lacks a bin, however empty.
select
    method,
    benchmark,
    item_subset,
    count(*) as n_rows
from {{ ref('bin_influence') }}
group by method, benchmark, item_subset
having count(*) != (select count(*) from {{ ref('bins') }})
