{%- set kept = 50 -%}
-- No sort of all documents again: few can be among the first or the last.
with proponents as (
    select
        influence.*,
        'proponent' as direction,
        influence.score_rank as direction_rank
    from {{ ref('document_influence') }} as influence
    where influence.score_rank <= {{ kept }}
),

sizes as (
    select
        model,
        method,
        benchmark,
        max(score_rank) as n_documents
    from {{ ref('document_influence') }}
    group by model, method, benchmark
),

-- Of equal scores the smaller doc_id is first from either end, so the last ranks are not quite the
-- weakest documents; but their largest score is that of the last one to be kept.
ceilings as (
    select
        influence.model,
        influence.method,
        influence.benchmark,
        max(influence.score) as score
    from {{ ref('document_influence') }} as influence
    inner join sizes
        on
            influence.model = sizes.model
            and influence.method = sizes.method
            and influence.benchmark = sizes.benchmark
    where influence.score_rank > sizes.n_documents - {{ kept }}
    group by influence.model, influence.method, influence.benchmark
),

weakest as (
    select
        influence.*,
        'opponent' as direction,
        row_number() over (
            partition by influence.model, influence.method, influence.benchmark
            order by influence.score asc, influence.doc_id
        ) as direction_rank
    from {{ ref('document_influence') }} as influence
    inner join ceilings
        on
            influence.model = ceilings.model
            and influence.method = ceilings.method
            and influence.benchmark = ceilings.benchmark
    where influence.score <= ceilings.score
),

opponents as (
    select * from weakest
    where direction_rank <= {{ kept }}
),

kept as (
    select * from proponents
    union all
    select * from opponents
),

-- Methods with scores of single items.
itemized as (
    select distinct
        model,
        method,
        benchmark
    from {{ ref('stg_proponents') }}
),

-- How many items name the document among their own strongest or weakest.
named as (
    select
        model,
        method,
        benchmark,
        doc_id,
        case when rank > 0 then 'proponent' else 'opponent' end as direction,
        count(*) as n_items
    from {{ ref('stg_proponents') }}
    group by
        model,
        method,
        benchmark,
        doc_id,
        case when rank > 0 then 'proponent' else 'opponent' end
)

select
    kept.study,
    kept.model,
    kept.method,
    kept.benchmark,
    kept.direction,
    kept.direction_rank,
    kept.doc_id,
    kept.bin_id,
    kept.topic,
    kept.format,
    kept.url,
    kept.source,
    kept.score,
    case when itemized.method is not null then coalesce(named.n_items, 0) end
        as n_items_naming_it,
    {{ excerpt('documents.text', 200) }} as excerpt
from kept
inner join {{ source('lake', 'documents') }} as documents on kept.doc_id = documents.doc_id
left join itemized
    on
        kept.model = itemized.model
        and kept.method = itemized.method
        and kept.benchmark = itemized.benchmark
left join named
    on
        kept.model = named.model
        and kept.method = named.method
        and kept.benchmark = named.benchmark
        and kept.doc_id = named.doc_id
        and kept.direction = named.direction
