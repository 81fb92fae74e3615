with items as (
    select
        predictions.model,
        items.benchmark,
        cast(predictions.is_correct as integer) as is_correct,
        predictions.correct_logprob_margin,
        1.0 / {{ list_length('items.choices') }} as chance
    from {{ source('lake', 'benchmark_items') }} as items
    inner join {{ ref('stg_item_predictions') }} as predictions
        on items.benchmark = predictions.benchmark and items.item_id = predictions.item_id
),

totals as (
    select
        model,
        benchmark,
        count(*) as n_items,
        cast(sum(is_correct) as bigint) as n_correct,
        avg(chance) as chance,
        avg(correct_logprob_margin) as mean_margin
    from items
    group by model, benchmark
),

models as (
    select distinct model from {{ source('lake', 'study_methods') }}
)

select
    design.study,
    models.model,
    design.benchmark,
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
from {{ source('lake', 'study_benchmarks') }} as design
cross join models
left join totals on models.model = totals.model and design.benchmark = totals.benchmark
