select
    methods.study,
    methods.model,
    methods.method,
    methods.kind,
    methods.preconditioner,
    methods.position
from {{ source('lake', 'study_methods') }} as methods
