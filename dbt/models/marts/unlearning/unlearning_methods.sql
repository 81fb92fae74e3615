with compared as (
    select
        studies.study,
        inference.model,
        inference.objective,
        inference.benchmark,
        inference.condition,
        inference.measure,
        inference.method_a,
        inference.method_b,
        inference.n_regions_a,
        inference.n_regions_b,
        inference.n_shared_regions,
        inference.n_seeds,
        'set' as unit,
        inference.damage_a,
        inference.damage_b,
        inference.difference,
        inference.standard_error,
        inference.degrees_of_freedom,
        inference.low as difference_low,
        inference.high as difference_high,
        inference.statistic,
        inference.p_value,
        inference.benchmark = 'all' as is_over_benchmarks
    from {{ source('lake', 'method_damage_inference') }} as inference
    inner join {{ source('lake', 'study_methods') }} as first_method
        on inference.model = first_method.model and inference.method_a = first_method.method
    inner join {{ source('lake', 'study_methods') }} as second_method
        on inference.model = second_method.model and inference.method_b = second_method.method
    cross join {{ ref('stg_studies') }} as studies
),

adjusted as (
    {{ benjamini_hochberg(
        'compared',
        ['study', 'model', 'objective', 'condition', 'measure', 'is_over_benchmarks']
    ) }}
)

select
    study,
    model,
    objective,
    benchmark,
    condition,
    measure,
    method_a,
    method_b,
    n_regions_a,
    n_regions_b,
    n_shared_regions,
    n_seeds,
    unit,
    damage_a,
    damage_b,
    difference,
    standard_error,
    degrees_of_freedom,
    difference_low,
    difference_high,
    statistic,
    p_value,
    q_value,
    case
        when p_value is null then 'unknown: fewer than two random sets in a region, or all alike'
        when q_value >= 0.05 then 'not told apart'
        when difference > 0 then method_a || ' hurts more'
        else method_b || ' hurts more'
    end as finding
from adjusted
