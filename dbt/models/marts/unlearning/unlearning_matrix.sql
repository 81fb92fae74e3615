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
        sum(n_runs) as n_runs,
        count(*) as n_regions,
        sum(n_sets) as n_sets,
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
    matrix.study,
    matrix.model,
    matrix.method,
    matrix.objective,
    matrix.benchmark,
    matrix.condition,
    matrix.evaluated_benchmark,
    matrix.relation,
    matrix.is_target,
    matrix.measure,
    cast(matrix.n_runs as bigint) as n_runs,
    matrix.n_regions,
    cast(matrix.n_sets as bigint) as n_sets,
    matrix.n_items,
    matrix.baseline,
    matrix.unlearned,
    matrix.damage,
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
