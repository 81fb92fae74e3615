-- One family: all bins, topics or formats of one benchmark.
with intervals as (
    select * from {{ ref('int_region_intervals') }}
),

tested as (
    {{ empirical_bayes(
        'intervals', ['model', 'method', 'benchmark', 'item_subset', 'level'],
        'z', 'z_standard_error', 'shrunken_z'
    ) }}
)

{{ benjamini_hochberg('tested', ['model', 'method', 'benchmark', 'item_subset', 'level']) }}
