with items as (
    select
        predictions.model_id,
        items.benchmark,
        cast(predictions.is_correct as integer) as is_correct,
        predictions.correct_logprob_margin,
        1.0 / {{ list_length('items.choices') }} as chance
    from {{ ref('stg_benchmark_items') }} as items
    inner join {{ ref('stg_item_predictions') }} as predictions
        on items.benchmark = predictions.benchmark and items.item_id = predictions.item_id
),

totals as (
    select
        model_id,
        benchmark,
        count(*) as n_items,
        cast(sum(is_correct) as bigint) as n_correct,
        avg(chance) as chance,
        avg(correct_logprob_margin) as mean_margin
    from items
    group by model_id, benchmark
)

select
    design.study,
    design.benchmark,
    totals.model_id,
    design.position,
    design.domain,
    design.capability,
    design.prompt_format,
    design.metric,
    totals.n_items,
    totals.n_correct,
    {{ ratio('totals.n_correct', 'totals.n_items') }} as accuracy,
    {{ wilson_bound('totals.n_correct', 'totals.n_items', -1) }} as accuracy_low,
    {{ wilson_bound('totals.n_correct', 'totals.n_items', 1) }} as accuracy_high,
    cast(totals.chance as double precision) as chance,
    totals.mean_margin
from {{ ref('stg_study_benchmarks') }} as design
left join totals on design.benchmark = totals.benchmark
