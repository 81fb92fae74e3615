with compared as (
    select
        studies.study,
        inference.model,
        inference.benchmark,
        inference.design,
        inference.unit,
        inference.outcome,
        inference.method_a,
        inference.method_b,
        inference.n_subsets,
        inference.lds_a,
        inference.lds_b,
        inference.difference,
        inference.standard_error,
        inference.degrees_of_freedom,
        inference.low as difference_low,
        inference.high as difference_high,
        inference.statistic,
        inference.p_value,
        inference.benchmark = 'all' as is_over_benchmarks
    from {{ source('lake', 'quality_difference_inference') }} as inference
    inner join {{ source('lake', 'study_methods') }} as first_method
        on inference.model = first_method.model and inference.method_a = first_method.method
    inner join {{ source('lake', 'study_methods') }} as second_method
        on inference.model = second_method.model and inference.method_b = second_method.method
    cross join {{ ref('stg_studies') }} as studies
),

adjusted as (
    {{ benjamini_hochberg(
        'compared', ['study', 'model', 'design', 'unit', 'outcome', 'is_over_benchmarks']
    ) }}
)

select
    study,
    model,
    benchmark,
    design,
    unit,
    outcome,
    method_a,
    method_b,
    n_subsets,
    lds_a,
    lds_b,
    difference,
    difference_low,
    difference_high,
    standard_error,
    degrees_of_freedom,
    statistic,
    p_value,
    q_value,
    case
        when p_value is null and difference = 0 then 'predict alike'
        when p_value is null then 'unknown: the difference is the same without any subset'
        when q_value >= 0.05 then 'not told apart'
        when difference > 0 then method_a || ' predicts better'
        else method_b || ' predicts better'
    end as finding
from adjusted
