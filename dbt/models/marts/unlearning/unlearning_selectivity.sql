with damage as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        condition,
        region,
        measure,
        relation,
        is_target,
        damage,
        n_runs,
        1 as n_regions,
        n_sets
    from {{ ref('unlearning_cells') }}
    where region != 'all'
    union all
    select
        study,
        model,
        method,
        objective,
        benchmark,
        condition,
        'all' as region,
        measure,
        relation,
        is_target,
        damage,
        n_runs,
        n_regions,
        n_sets
    from {{ ref('unlearning_matrix') }}
),

others as (
    select
        damage.*,
        'A/3' as factor_effect
    from damage
    where not damage.is_target
    union all
    select
        damage.*,
        case damage.relation when 'one_factor' then 'A/1' else 'A/C' end as factor_effect
    from damage
    where damage.relation in ('one_factor', 'crossed')
),

groups as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        condition,
        region,
        measure,
        factor_effect,
        count(*) as n_other_benchmarks,
        -- What sums to 0 is 0, in whatever order an engine adds: else it would have a ratio.
        round(avg(damage), 12) as other_damage
    from others
    group by study, model, method, objective, benchmark, condition, region, measure, factor_effect
)

select
    groups.*,
    target.n_runs,
    target.n_regions,
    target.n_sets,
    target.damage as target_damage,
    target.damage - groups.other_damage as difference,
    inference.standard_error,
    inference.degrees_of_freedom,
    inference.low as difference_low,
    inference.high as difference_high,
    inference.beyond_random,
    inference.beyond_random_low,
    inference.beyond_random_high,
    case when groups.other_damage > 0 then target.damage / groups.other_damage end as ratio
from groups
inner join damage as target
    on
        groups.model = target.model
        and groups.method = target.method
        and groups.objective = target.objective
        and groups.benchmark = target.benchmark
        and groups.condition = target.condition
        and groups.region = target.region
        and groups.measure = target.measure
        and target.is_target
left join {{ source('lake', 'selectivity_inference') }} as inference
    on
        groups.model = inference.model
        and groups.method = inference.method
        and groups.objective = inference.objective
        and groups.benchmark = inference.benchmark
        and groups.condition = inference.condition
        and groups.region = inference.region
        and groups.measure = inference.measure
        and groups.factor_effect = inference.factor_effect
