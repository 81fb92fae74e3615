-- Pairs of runs that differ in condition alone, on the benchmark that both aim at. A global
-- condition has no region: against it a benchmark's regions are averaged, so that no run of the
-- control counts twice.
with damage as (
    select * from {{ ref('unlearning_damage') }}
    where is_target
),

sides as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        measure,
        condition,
        'random_in_topic' as control,
        region,
        seed,
        damage
    from damage
    where condition = 'influence_in_topic'
    union all
    select
        study,
        model,
        method,
        objective,
        benchmark,
        measure,
        condition,
        'random_global' as control,
        'all' as region,
        seed,
        avg(damage) as damage
    from damage
    where condition in ('influence_in_topic', 'influence_global')
    group by study, model, method, objective, benchmark, measure, condition, seed
),

pairs as (
    select
        sides.study,
        sides.model,
        sides.method,
        sides.objective,
        sides.benchmark,
        sides.region,
        sides.seed,
        sides.measure,
        sides.condition as condition_a,
        sides.control as condition_b,
        -- Equal accuracies must tie, whatever their fractions were summed from.
        round(sides.damage - controls.damage, 12) as difference
    from sides
    inner join damage as controls
        on
            sides.model = controls.model
            and sides.method = controls.method
            and sides.objective = controls.objective
            and sides.control = controls.condition
            and sides.benchmark = controls.benchmark
            and sides.measure = controls.measure
            and sides.region = controls.region
            and sides.seed = controls.seed
),

families as (
    select false as is_pool
    union all
    select true as is_pool
)

select
    pairs.study,
    pairs.model,
    pairs.method,
    pairs.objective,
    pairs.benchmark,
    pairs.region,
    pairs.seed,
    pairs.measure,
    pairs.condition_a,
    pairs.condition_b,
    pairs.difference,
    case when families.is_pool then 'all' else pairs.benchmark end as family_benchmark
from pairs
cross join families
