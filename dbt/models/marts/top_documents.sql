{%- set kept = 50 -%}
with ranked as (
    select
        influence.*,
        row_number() over (
            partition by influence.method, influence.benchmark
            order by influence.score asc, influence.doc_id
        ) as opponent_rank
    from {{ ref('document_influence') }} as influence
),

kept as (
    select
        ranked.*,
        'proponent' as direction,
        ranked.score_rank as direction_rank
    from ranked
    where ranked.score_rank <= {{ kept }}
    union all
    select
        ranked.*,
        'opponent' as direction,
        ranked.opponent_rank as direction_rank
    from ranked
    where ranked.opponent_rank <= {{ kept }}
),

-- How many items name the document among their own strongest or weakest.
named as (
    select
        method,
        benchmark,
        doc_id,
        case when rank > 0 then 'proponent' else 'opponent' end as direction,
        count(*) as n_items
    from {{ ref('stg_proponents') }}
    group by 1, 2, 3, 4
)

select
    kept.study,
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
    coalesce(named.n_items, 0) as n_items_naming_it,
    {{ excerpt('documents.text', 200) }} as excerpt
from kept
inner join {{ ref('stg_documents') }} as documents on kept.doc_id = documents.doc_id
left join named
    on
        kept.method = named.method
        and kept.benchmark = named.benchmark
        and kept.doc_id = named.doc_id
        and kept.direction = named.direction
