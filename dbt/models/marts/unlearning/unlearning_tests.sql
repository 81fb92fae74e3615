with tested as (
    select
        studies.study,
        comparisons.model,
        comparisons.method,
        comparisons.objective,
        comparisons.benchmark,
        comparisons.region,
        comparisons.measure,
        comparisons.condition_a,
        comparisons.condition_b,
        comparisons.unit,
        comparisons.n_regions,
        comparisons.n_sets_a,
        comparisons.n_sets_b,
        comparisons.difference,
        comparisons.standard_error,
        comparisons.degrees_of_freedom,
        comparisons.low as difference_low,
        comparisons.high as difference_high,
        comparisons.statistic,
        comparisons.p_value,
        comparisons.region = 'all' as is_over_regions
    from {{ source('lake', 'unlearning_comparisons') }} as comparisons
    cross join {{ ref('stg_studies') }} as studies
),

adjusted as (
    {{ benjamini_hochberg(
        'tested',
        [
            'study', 'model', 'method', 'objective', 'measure', 'unit', 'condition_a',
            'condition_b', 'is_over_regions'
        ]
    ) }}
)

select
    study,
    model,
    method,
    objective,
    benchmark,
    region,
    measure,
    condition_a,
    condition_b,
    unit,
    n_regions,
    n_sets_a,
    n_sets_b,
    difference,
    standard_error,
    degrees_of_freedom,
    difference_low,
    difference_high,
    statistic,
    p_value,
    q_value
from adjusted
