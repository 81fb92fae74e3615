with matrix as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        condition,
        evaluated_benchmark,
        relation,
        is_target,
        measure,
        cast(sum(n_runs) as bigint) as n_runs,
        count(*) as n_regions,
        cast(sum(n_sets) as bigint) as n_sets,
        max(n_items) as n_items,
        avg(baseline) as baseline,
        avg(unlearned) as unlearned,
        avg(damage) as damage
    from {{ ref('unlearning_cells') }}
    group by
        study, model, method, objective, benchmark, condition, evaluated_benchmark, relation,
        is_target, measure
)

select
    matrix.*,
    inference.standard_error,
    inference.degrees_of_freedom,
    inference.low as damage_low,
    inference.high as damage_high,
    case when matrix.baseline > 0 then matrix.unlearned / matrix.baseline end as share_kept
from matrix
left join {{ source('lake', 'damage_inference') }} as inference
    on
        matrix.model = inference.model
        and matrix.method = inference.method
        and matrix.objective = inference.objective
        and matrix.benchmark = inference.benchmark
        and matrix.condition = inference.condition
        and matrix.evaluated_benchmark = inference.evaluated_benchmark
        and matrix.measure = inference.measure
        and inference.region = 'all'
