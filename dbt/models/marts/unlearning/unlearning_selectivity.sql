-- Ratios of independent means: Fieller's interval. A group that was not damaged has no ratio.
with matrix as (
    select * from {{ ref('unlearning_matrix') }}
),

others as (
    select
        matrix.*,
        'A/3' as factor_effect
    from matrix
    where not matrix.is_target
    union all
    select
        matrix.*,
        case matrix.relation when 'one_factor' then 'A/1' else 'A/C' end as factor_effect
    from matrix
    where matrix.relation in ('one_factor', 'crossed')
),

groups as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        condition,
        measure,
        factor_effect,
        count(*) as n_other_benchmarks,
        -- What sums to 0 is 0, in whatever order an engine adds: else it would have a ratio.
        round(avg(damage), 12) as other_damage,
        sqrt(sum(power(standard_error, 2))) / count(*) as other_error
    from others
    group by study, model, method, objective, benchmark, condition, measure, factor_effect
),

compared as (
    select
        groups.*,
        target.n_runs,
        target.n_regions,
        target.damage as target_damage,
        target.standard_error as target_error,
        target.damage - groups.other_damage as difference,
        sqrt(power(target.standard_error, 2) + power(groups.other_error, 2)) as difference_error,
        case when groups.other_damage > 0 then target.damage / groups.other_damage end as ratio,
        case
            when groups.other_damage > 0
                then power(1.959963984540054 * groups.other_error / groups.other_damage, 2)
        end as fieller_g
    from groups
    inner join matrix as target
        on
            groups.study = target.study
            and groups.model = target.model
            and groups.method = target.method
            and groups.objective = target.objective
            and groups.benchmark = target.benchmark
            and groups.condition = target.condition
            and groups.measure = target.measure
            and target.is_target
),

bounded as (
    select
        compared.*,
        case
            when compared.fieller_g < 1
                then 1.959963984540054 / compared.other_damage * sqrt(
                    (1 - compared.fieller_g) * power(compared.target_error, 2)
                    + power(compared.ratio * compared.other_error, 2)
                )
        end as fieller_width
    from compared
)

select
    study,
    model,
    method,
    objective,
    benchmark,
    condition,
    measure,
    factor_effect,
    n_other_benchmarks,
    n_runs,
    n_regions,
    target_damage,
    other_damage,
    difference,
    difference - 1.959963984540054 * difference_error as difference_low,
    difference + 1.959963984540054 * difference_error as difference_high,
    ratio,
    case when fieller_g < 1 then (ratio - fieller_width) / (1 - fieller_g) end as ratio_low,
    case when fieller_g < 1 then (ratio + fieller_width) / (1 - fieller_g) end as ratio_high
from bounded
