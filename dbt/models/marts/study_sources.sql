with deviations as (
    select
        stated.model,
        stated.method,
        stated.benchmark,
        max(abs(statistics.z - stated.stated_z)) as max_z_deviation
    from {{ source('lake', 'bin_scores') }} as stated
    inner join {{ ref('int_bin_statistics') }} as statistics
        on
            stated.model = statistics.model
            and stated.method = statistics.method
            and stated.benchmark = statistics.benchmark
            and stated.bin_id = statistics.bin_id
    group by stated.model, stated.method, stated.benchmark
)

select
    sources.study,
    sources.kind,
    sources.score_per,
    sources.model,
    sources.method,
    sources.benchmark,
    sources.file_name,
    sources.sha256,
    sources.n_bins,
    sources.n_documents,
    deviations.max_z_deviation,
    sources.z_tolerance,
    sources.top_k,
    sources.is_negated,
    sources.topic_grouping,
    sources.format_grouping,
    sources.source,
    sources.licence,
    sources.citation
from {{ source('lake', 'imported_files') }} as sources
left join deviations
    on
        sources.model = deviations.model
        and sources.method = deviations.method
        and sources.benchmark = deviations.benchmark
