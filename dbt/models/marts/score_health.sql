select
    studies.study,
    health.model,
    health.method,
    health.benchmark,
    health.shard,
    health.n_documents,
    health.n_zero,
    health.n_not_finite,
    health.mean,
    health.standard_deviation,
    health.dtype,
    health.attention
from {{ ref('stg_attribution_health') }} as health
cross join {{ ref('stg_studies') }} as studies
