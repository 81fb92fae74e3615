select
    studies.study,
    records.asset,
    records.part,
    records.fact,
    records.fingerprint,
    records.n_rows,
    records.is_reused,
    records.started_at,
    records.seconds,
    records.core_seconds,
    records.n_bytes,
    records.software
from {{ source('lake', 'run_records') }} as records
cross join {{ ref('stg_studies') }} as studies
