-- Only methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.shard,
    facts.n_documents,
    facts.n_zero,
    facts.n_not_finite,
    facts.mean,
    facts.standard_deviation,
    facts.dtype,
    facts.attention
from {{ source('lake', 'attribution_health') }} as facts
inner join {{ source('lake', 'study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
