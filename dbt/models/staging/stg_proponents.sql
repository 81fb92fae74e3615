-- Only methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.item_id,
    facts.rank,
    facts.doc_id,
    facts.bin_id,
    facts.score
from {{ source('lake', 'proponents') }} as facts
inner join {{ source('lake', 'study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
