-- Seeds of one forget set are averaged first: the set is the unit of every error.
with sets as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        condition,
        region_kind,
        region,
        evaluated_benchmark,
        relation,
        is_target,
        measure,
        set_number,
        count(*) as n_runs,
        max(n_items) as n_items,
        avg(baseline) as baseline,
        avg(unlearned) as unlearned,
        avg(damage) as damage
    from {{ ref('unlearning_damage') }}
    group by
        study, model, method, objective, benchmark, condition, region_kind, region,
        evaluated_benchmark, relation, is_target, measure, set_number
),

cells as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        condition,
        region_kind,
        region,
        evaluated_benchmark,
        relation,
        is_target,
        measure,
        cast(sum(n_runs) as bigint) as n_runs,
        count(*) as n_sets,
        max(n_items) as n_items,
        avg(baseline) as baseline,
        avg(unlearned) as unlearned,
        avg(damage) as damage
    from sets
    group by
        study, model, method, objective, benchmark, condition, region_kind, region,
        evaluated_benchmark, relation, is_target, measure
)

select
    cells.*,
    inference.standard_error,
    inference.degrees_of_freedom,
    inference.low as damage_low,
    inference.high as damage_high,
    case when cells.baseline > 0 then cells.unlearned / cells.baseline end as share_kept
from cells
left join {{ source('lake', 'damage_inference') }} as inference
    on
        cells.model = inference.model
        and cells.method = inference.method
        and cells.objective = inference.objective
        and cells.benchmark = inference.benchmark
        and cells.condition = inference.condition
        and cells.region = inference.region
        and cells.evaluated_benchmark = inference.evaluated_benchmark
        and cells.measure = inference.measure
