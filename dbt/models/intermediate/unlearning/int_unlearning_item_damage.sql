with measures as (
    select 'accuracy' as measure
    union all
    select 'margin' as measure
)

select
    runs.study,
    runs.model,
    runs.method,
    runs.objective,
    runs.run_id,
    runs.benchmark,
    runs.condition,
    runs.region_kind,
    runs.region,
    runs.set_number,
    runs.seed,
    predictions.evaluated_benchmark,
    relations.relation,
    relations.relation = 'target' as is_target,
    predictions.item_id,
    measures.measure,
    case measures.measure
        when 'accuracy' then cast(cast(base.is_correct as integer) as double precision)
        else base.correct_logprob_margin
    end as baseline,
    case measures.measure
        when 'accuracy' then cast(cast(predictions.is_correct as integer) as double precision)
        else predictions.correct_logprob_margin
    end as unlearned
from {{ ref('int_unlearned_runs') }} as runs
inner join {{ ref('stg_unlearned_predictions') }} as predictions
    on runs.run_id = predictions.run_id
inner join {{ ref('stg_item_predictions') }} as base
    on
        runs.model = base.model
        and predictions.evaluated_benchmark = base.benchmark
        and predictions.item_id = base.item_id
inner join {{ ref('int_benchmark_relations') }} as relations
    on
        runs.benchmark = relations.benchmark
        and predictions.evaluated_benchmark = relations.evaluated_benchmark
cross join measures
