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
inner join {{ ref('stg_study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
