-- Only methods that are in the study, each item under the subsets that it is of.
with scores as (
    select
        facts.model,
        facts.method,
        facts.benchmark,
        facts.item_id,
        facts.bin_id,
        facts.n_documents,
        facts.n_in_top_k,
        facts.score_sum,
        facts.score_sum_sq,
        facts.positive_sum_sq
    from {{ source('lake', 'bin_item_scores') }} as facts
    inner join {{ source('lake', 'study_methods') }} as cells
        on facts.model = cells.model and facts.method = cells.method
),

-- Each item counts under all, and under what the base model made of it.
subsets as (
    select
        model,
        benchmark,
        item_id,
        'all' as item_subset
    from scores
    group by model, benchmark, item_id
    union all
    select
        model,
        benchmark,
        item_id,
        case when is_correct then 'correct' else 'incorrect' end as item_subset
    from {{ ref('stg_item_predictions') }}
    where is_correct is not null
)

select
    scores.model,
    scores.method,
    scores.benchmark,
    scores.item_id,
    subsets.item_subset,
    scores.bin_id,
    scores.n_documents,
    scores.n_in_top_k,
    scores.score_sum,
    scores.score_sum_sq,
    scores.positive_sum_sq
from scores
inner join subsets
    on
        scores.model = subsets.model
        and scores.benchmark = subsets.benchmark
        and scores.item_id = subsets.item_id
