select
    methods.study,
    methods.model,
    methods.method,
    methods.kind,
    methods.position
from {{ ref('stg_study_methods') }} as methods
