-- Only models that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.benchmark,
    facts.item_id,
    facts.choice_logprobs,
    facts.predicted_index,
    facts.is_correct,
    facts.correct_logprob_margin
from {{ source('lake', 'item_predictions') }} as facts
where facts.model in (select cells.model from {{ source('lake', 'study_methods') }} as cells)
