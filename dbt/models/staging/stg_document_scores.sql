select
    facts.method,
    facts.benchmark,
    facts.doc_id,
    facts.bin_id,
    facts.score
from {{ source('lake', 'document_scores') }} as facts
