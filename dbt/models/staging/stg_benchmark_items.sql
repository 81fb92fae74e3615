select
    facts.benchmark,
    facts.item_id,
    facts.domain,
    facts.capability,
    facts.subject,
    facts.question,
    facts.prompt,
    facts.choices,
    facts.answer_index
from {{ source('lake', 'benchmark_items') }} as facts
