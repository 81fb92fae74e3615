-- A run has a benchmark of its own, its target, so that the one that is asked has another name.
select
    facts.run_id,
    facts.benchmark as evaluated_benchmark,
    facts.item_id,
    facts.is_correct,
    facts.correct_logprob_margin
from {{ source('lake', 'unlearned_predictions') }} as facts
