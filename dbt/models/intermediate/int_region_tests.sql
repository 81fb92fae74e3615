{%- set family = ['model', 'method', 'benchmark', 'item_subset', 'level'] -%}
-- One family: all bins, topics or formats of one benchmark.
with inference as (
    select * from {{ ref('stg_region_inference') }}
),

shrunken as (
    {{ empirical_bayes('inference', family, 'z', 'z_standard_error', 'shrunken_z') }}
),

of_z as (
    {{ benjamini_hochberg('shrunken', family) }}
),

of_support as (
    {{ benjamini_hochberg('of_z', family, 'support_') }}
)

{{ benjamini_hochberg('of_support', family, 'enrichment_') }}
