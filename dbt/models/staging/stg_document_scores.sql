select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.doc_id,
    facts.bin_id,
    facts.score
from {{ source('lake', 'document_scores') }} as facts
inner join {{ ref('stg_study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
