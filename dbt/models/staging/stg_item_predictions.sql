select
    facts.model_id,
    facts.benchmark,
    facts.item_id,
    facts.choice_logprobs,
    facts.predicted_index,
    facts.is_correct,
    facts.correct_logprob_margin
from {{ source('lake', 'item_predictions') }} as facts
