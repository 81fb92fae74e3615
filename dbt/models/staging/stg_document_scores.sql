-- Only methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.doc_id,
    facts.bin_id,
    facts.score,
    facts.positive_square
from {{ source('lake', 'document_scores') }} as facts
inner join {{ source('lake', 'study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
