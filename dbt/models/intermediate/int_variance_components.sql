-- Documents are nested in bins, clusters of items crossed with both. Sums by item and bin are
-- enough: the matrix of documents x items is not needed. Formulae: docs/statistics.md, "Power".
with cells as (
    select
        scores.model,
        scores.method,
        scores.benchmark,
        scores.item_subset,
        coalesce(items.cluster, scores.item_id) as item_cluster,
        scores.bin_id,
        max(scores.n_documents) as n_documents,
        count(*) as n_items,
        avg(scores.score_sum / scores.n_documents) as mean,
        sum(greatest(
            scores.score_sum_sq - scores.score_sum * scores.score_sum / scores.n_documents, 0
        )) as scatter
    from {{ ref('stg_bin_item_scores') }} as scores
    left join {{ source('lake', 'benchmark_items') }} as items
        on scores.benchmark = items.benchmark and scores.item_id = items.item_id
    where scores.n_documents > 0 and scores.item_subset = 'all'
    group by
        scores.model,
        scores.method,
        scores.benchmark,
        scores.item_subset,
        coalesce(items.cluster, scores.item_id),
        scores.bin_id
),

centred as (
    select
        *,
        mean
        - avg(mean) over (partition by model, method, benchmark, item_subset, item_cluster)
        - avg(mean) over (partition by model, method, benchmark, item_subset, bin_id)
        + avg(mean) over (partition by model, method, benchmark, item_subset) as interaction
    from cells
),

by_item as (
    select
        model,
        method,
        benchmark,
        item_subset,
        {{ ratio('sum(n_items)', 'count(distinct bin_id)') }} as n_items,
        count(distinct item_cluster) as n_clusters,
        count(distinct bin_id) as n_bins,
        avg(cast(1 as double precision) / n_documents) as mean_inverse_documents,
        -- The residuals of a cluster's mean are those of its items over their number.
        avg(cast(1 as double precision) / n_items) as mean_inverse_items,
        {{ ratio('sum(scatter)', 'sum((n_documents - 1) * n_items)') }} as variance_within_bin,
        {{ ratio(
            'sum(interaction * interaction)',
            '(count(distinct item_cluster) - 1) * (count(distinct bin_id) - 1)'
        ) }} as interaction_mean_square
    from centred
    group by model, method, benchmark, item_subset
),

by_document as (
    select
        model,
        method,
        benchmark,
        {{ ratio(
            'sum((n_documents - 1) * standard_deviation * standard_deviation)',
            'sum(n_documents - 1)'
        ) }} as document_variance
    from {{ ref('int_bin_document_statistics') }}
    group by model, method, benchmark
),

residuals as (
    select
        by_item.*,
        by_document.document_variance,
        case
            when by_item.variance_within_bin <= by_document.document_variance then 0
            else
                (by_item.variance_within_bin - by_document.document_variance)
                * {{ ratio('by_item.n_items', 'by_item.n_items - 1') }}
        end as residual_variance
    from by_item
    left join by_document
        on
            by_item.model = by_document.model
            and by_item.method = by_document.method
            and by_item.benchmark = by_document.benchmark
)

select
    model,
    method,
    benchmark,
    item_subset,
    cast(n_items as bigint) as n_items,
    n_clusters,
    n_bins,
    1 / mean_inverse_documents as documents_per_bin,
    document_variance,
    residual_variance,
    -- Documents that differ in which items they help make bin means differ so, by chance alone.
    case
        when
            interaction_mean_square
            <= residual_variance * mean_inverse_documents * mean_inverse_items
            then 0
        else
            interaction_mean_square
            - residual_variance * mean_inverse_documents * mean_inverse_items
    end as cluster_variance
from residuals
