select
    facts.study,
    facts.model,
    facts.method,
    facts.kind,
    facts.position
from {{ source('lake', 'study_methods') }} as facts
