-- Ranked while rows are narrow: of millions of documents the sorts cost most.
-- Ties go to the smaller doc_id, so that ranks never depend on the order of rows.
with ranked as (
    select
        model,
        method,
        benchmark,
        doc_id,
        bin_id,
        score,
        row_number() over (
            partition by model, method, benchmark order by score desc, doc_id
        ) as score_rank
    from {{ ref('stg_document_scores') }}
),

ranked_in_bins as (
    select
        *,
        row_number() over (
            partition by model, method, benchmark, bin_id order by score_rank
        ) as score_rank_in_bin
    from ranked
),

-- Joined once a document, not once a benchmark.
described as (
    select
        manifest.doc_id,
        documents.url,
        documents.source,
        documents.n_tokens,
        manifest.inclusion_probability
    from {{ source('lake', 'sampling_manifest') }} as manifest
    inner join {{ source('lake', 'documents') }} as documents on manifest.doc_id = documents.doc_id
)

select
    studies.study,
    scores.model,
    scores.method,
    scores.benchmark,
    scores.doc_id,
    scores.bin_id,
    bins.topic,
    bins.format,
    described.url,
    described.source,
    described.n_tokens,
    described.inclusion_probability,
    cast(scores.score as double precision) as score,
    scores.score_rank,
    scores.score_rank_in_bin
from ranked_in_bins as scores
inner join {{ source('lake', 'bin_populations') }} as bins on scores.bin_id = bins.bin_id
inner join described on scores.doc_id = described.doc_id
cross join {{ ref('stg_studies') }} as studies
