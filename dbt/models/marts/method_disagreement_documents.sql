{%- set kept = 3 -%}
-- Support of a region is the mean of its documents' squared scores above 0, so that orders them.
with disputed as (
    select
        *,
        method_a as method,
        method_b as other_method
    from {{ ref('method_disagreements') }}
    union all
    select
        *,
        method_b as method,
        method_a as other_method
    from {{ ref('method_disagreements') }}
),

-- One ranking serves all pairs of a method that dispute the region.
asked as (
    select distinct
        model,
        method,
        benchmark,
        level,
        region,
        topic,
        format
    from disputed
),

ranked as (
    select
        asked.model,
        asked.method,
        asked.benchmark,
        asked.level,
        asked.region,
        scores.doc_id,
        bins.topic,
        bins.format,
        cast(scores.score as double precision) as score,
        row_number() over (
            partition by asked.model, asked.method, asked.benchmark, asked.level, asked.region
            order by scores.positive_square desc nulls last, scores.score desc, scores.doc_id
        ) as place
    from asked
    inner join {{ source('lake', 'bin_populations') }} as bins
        on
            (asked.topic is null or asked.topic = bins.topic)
            and (asked.format is null or asked.format = bins.format)
    inner join {{ ref('stg_document_scores') }} as scores
        on
            asked.model = scores.model
            and asked.method = scores.method
            and asked.benchmark = scores.benchmark
            and bins.bin_id = scores.bin_id
)

select
    disputed.study,
    disputed.model,
    disputed.benchmark,
    disputed.level,
    disputed.method_a,
    disputed.method_b,
    disputed.region,
    disputed.method as strongest_by,
    own.place,
    own.doc_id,
    own.topic,
    own.format,
    documents.url,
    own.score,
    other.score as score_by_other,
    other.place as place_by_other,
    {{ excerpt('documents.text', 200) }} as excerpt
from disputed
inner join ranked as own
    on
        disputed.model = own.model
        and disputed.method = own.method
        and disputed.benchmark = own.benchmark
        and disputed.level = own.level
        and disputed.region = own.region
        and own.place <= {{ kept }}
inner join ranked as other
    on
        own.model = other.model
        and own.benchmark = other.benchmark
        and own.level = other.level
        and own.region = other.region
        and own.doc_id = other.doc_id
        and disputed.other_method = other.method
inner join {{ source('lake', 'documents') }} as documents on own.doc_id = documents.doc_id
