select
    facts.method,
    facts.benchmark,
    facts.item_id,
    facts.rank,
    facts.doc_id,
    facts.bin_id,
    facts.score
from {{ source('lake', 'proponents') }} as facts
