-- One family: all bins, topics or formats of one benchmark.
with inference as (
    select * from {{ ref('stg_region_inference') }}
),

tested as (
    {{ empirical_bayes(
        'inference', ['model', 'method', 'benchmark', 'item_subset', 'level'],
        'z', 'z_standard_error', 'shrunken_z'
    ) }}
)

{{ benjamini_hochberg('tested', ['model', 'method', 'benchmark', 'item_subset', 'level']) }}
