with summaries as (
    select
        study,
        model,
        method,
        objective,
        family_benchmark as benchmark,
        measure,
        condition_a,
        condition_b,
        count(*) as n_cells,
        count(distinct benchmark || ' ' || region) as n_regions,
        count(case when difference > 0 then 1 end) as n_positive,
        count(case when difference < 0 then 1 end) as n_negative,
        count(case when difference = 0 then 1 end) as n_zero,
        avg(difference) as mean_difference,
        {{ quantile('difference', 0.5) }} as median_difference,
        avg(difference) / nullif(stddev_samp(difference), 0) as cohens_dz
    from {{ ref('int_unlearning_differences') }}
    group by study, model, method, objective, family_benchmark, measure, condition_a, condition_b
),

tested as (
    select
        summaries.*,
        comparisons.test,
        comparisons.n_units,
        comparisons.median_low,
        comparisons.median_high,
        comparisons.statistic,
        comparisons.p_value
    from summaries
    inner join {{ source('lake', 'unlearning_comparisons') }} as comparisons
        on
            summaries.model = comparisons.model
            and summaries.method = comparisons.method
            and summaries.objective = comparisons.objective
            and summaries.benchmark = comparisons.benchmark
            and summaries.measure = comparisons.measure
            and summaries.condition_a = comparisons.condition_a
            and summaries.condition_b = comparisons.condition_b
),

adjusted as (
    {{ benjamini_hochberg(
        'tested',
        ['study', 'model', 'method', 'objective', 'measure', 'test', 'condition_a', 'condition_b']
    ) }}
)

select
    study,
    model,
    method,
    objective,
    benchmark,
    measure,
    condition_a,
    condition_b,
    test,
    n_units,
    n_cells,
    n_regions,
    n_positive,
    n_negative,
    n_zero,
    mean_difference,
    median_difference,
    median_low,
    median_high,
    cohens_dz,
    statistic,
    p_value,
    q_value
from adjusted
