-- One family: all bins, topics or formats of one benchmark.
with tested as (
    select * from {{ ref('int_region_intervals') }}
)

{{ benjamini_hochberg('tested', ['method', 'benchmark', 'item_subset', 'level']) }}
