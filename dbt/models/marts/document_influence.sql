select
    studies.study,
    scores.method,
    scores.benchmark,
    scores.doc_id,
    scores.bin_id,
    bins.topic,
    bins.format,
    documents.url,
    documents.source,
    documents.n_tokens,
    manifest.inclusion_probability,
    cast(scores.score as double precision) as score,
    -- Ties go to the smaller doc_id, so that ranks never depend on the order of rows.
    row_number() over (
        partition by scores.method, scores.benchmark order by scores.score desc, scores.doc_id
    ) as score_rank,
    row_number() over (
        partition by scores.method, scores.benchmark, scores.bin_id
        order by scores.score desc, scores.doc_id
    ) as score_rank_in_bin
from {{ ref('stg_document_scores') }} as scores
inner join {{ ref('stg_bin_populations') }} as bins on scores.bin_id = bins.bin_id
inner join {{ ref('stg_documents') }} as documents on scores.doc_id = documents.doc_id
inner join {{ ref('stg_sampling_manifest') }} as manifest on scores.doc_id = manifest.doc_id
cross join {{ ref('stg_studies') }} as studies
