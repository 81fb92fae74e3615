-- What run records tell of a method: a record for each of its shards, and for what it prepared. A
-- part's key begins with model and method: `base|trackstar|00003`.
with keys as (
    select
        methods.*,
        methods.model || '|' || methods.method as cell
    from {{ source('lake', 'study_methods') }} as methods
),

records as (
    select
        keys.model,
        keys.method,
        records.fact,
        records.seconds,
        records.core_seconds,
        records.n_bytes,
        -- A fact that was found to be right tells how long finding that took.
        case when not records.is_reused then 1 else 0 end as is_made,
        case
            when records.fact in ('method_preparation', 'query_index', 'document_scores') then 1
            else 0
        end as is_scoring
    from keys
    inner join {{ source('lake', 'run_records') }} as records
        on
            keys.cell = records.part
            or keys.cell || '|' = left(records.part, length(keys.cell) + 1)
    where
        records.fact in (
            'method_preparation', 'query_index', 'document_scores', 'shard_bin_item_scores',
            'shard_proponents', 'bin_item_scores', 'proponents'
        )
),

costs as (
    select
        model,
        method,
        sum(case when fact = 'document_scores' then is_made else 0 end) as n_shards,
        min(is_made) as is_all_made,
        count(case when is_scoring = 1 then core_seconds end)
        = sum(is_scoring) as is_work_known,
        count(n_bytes) = count(*) as is_size_known,
        sum(case when is_scoring = 1 then seconds end) as seconds,
        sum(case when is_scoring = 1 then core_seconds end) as core_seconds,
        sum(n_bytes) as n_bytes
    from records
    group by model, method
),

scored as (
    select
        model,
        method,
        count(distinct shard) as n_shards
    from {{ ref('stg_attribution_health') }}
    group by model, method
),

sample as (
    select sum(sampled_documents) as n_documents
    from {{ source('lake', 'bin_populations') }}
),

imported as (
    select count(*) as n_files
    from {{ source('lake', 'imported_files') }}
),

told as (
    select
        keys.*,
        costs.seconds,
        costs.core_seconds,
        costs.n_bytes,
        costs.is_work_known,
        costs.is_size_known,
        sample.n_documents,
        case
            when imported.n_files > 0 then 'the scores were imported'
            when costs.n_shards is null or costs.n_shards < scored.n_shards
                then 'not all shards have a record of their making'
            when costs.is_all_made = 0 then 'some parts were found, and not made, here'
        end as cost_unknown_reason
    from keys
    cross join sample
    cross join imported
    left join costs on keys.model = costs.model and keys.method = costs.method
    left join scored on keys.model = scored.model and keys.method = scored.method
)

select
    study,
    model,
    method,
    kind,
    score_unit as unit,
    preconditioner,
    settings,
    case when cost_unknown_reason is null then seconds end as seconds,
    case when cost_unknown_reason is null and is_work_known then core_seconds end as core_seconds,
    case
        when cost_unknown_reason is null then {{ ratio('n_documents', 'seconds') }}
    end as documents_per_second,
    case
        when cost_unknown_reason is null and is_size_known then cast(n_bytes as bigint)
    end as n_bytes,
    cost_unknown_reason,
    position
from told
