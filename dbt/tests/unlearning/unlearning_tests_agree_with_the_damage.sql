{{ config(meta={'dagster': {'ref': {'name': 'unlearning_tests'}}}) }}
-- What was tested is what SQL summarizes: differences and selectivities from the same predictions.
with damage as (
    select
        model,
        method,
        objective,
        benchmark,
        condition,
        region,
        measure,
        damage
    from {{ ref('unlearning_cells') }}
    where is_target
),

compared as (
    select
        'difference of ' || tests.region as what,
        tests.benchmark,
        tests.difference as tested,
        a.damage - b.damage as summarized
    from {{ ref('unlearning_tests') }} as tests
    inner join damage as a
        on
            tests.model = a.model
            and tests.method = a.method
            and tests.objective = a.objective
            and tests.benchmark = a.benchmark
            and tests.region = a.region
            and tests.measure = a.measure
            and tests.condition_a = a.condition
    inner join damage as b
        on
            tests.model = b.model
            and tests.method = b.method
            and tests.objective = b.objective
            and tests.benchmark = b.benchmark
            and tests.measure = b.measure
            and tests.condition_b = b.condition
            and b.region in (tests.region, 'all')
    union all
    select
        'selectivity of ' || marts.region as what,
        marts.benchmark,
        facts.estimate as tested,
        marts.difference as summarized
    from {{ source('lake', 'selectivity_inference') }} as facts
    left join {{ ref('unlearning_selectivity') }} as marts
        on
            facts.model = marts.model
            and facts.method = marts.method
            and facts.objective = marts.objective
            and facts.benchmark = marts.benchmark
            and facts.condition = marts.condition
            and facts.region = marts.region
            and facts.measure = marts.measure
            and facts.factor_effect = marts.factor_effect
    union all
    select
        'damage of ' || marts.region as what,
        marts.evaluated_benchmark as benchmark,
        facts.estimate as tested,
        marts.damage as summarized
    from {{ source('lake', 'damage_inference') }} as facts
    inner join {{ ref('unlearning_cells') }} as marts
        on
            facts.model = marts.model
            and facts.method = marts.method
            and facts.objective = marts.objective
            and facts.benchmark = marts.benchmark
            and facts.condition = marts.condition
            and facts.region = marts.region
            and facts.evaluated_benchmark = marts.evaluated_benchmark
            and facts.measure = marts.measure
)

select * from compared
where summarized is null or abs(tested - summarized) > 1e-9
