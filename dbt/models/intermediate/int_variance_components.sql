-- Documents are nested in bins, items crossed with both. Sums by item and bin are enough: the
-- matrix of documents x items is not needed. Formulae: docs/statistics.md, "Power".
with cells as (
    select
        model,
        method,
        benchmark,
        item_subset,
        item_id,
        bin_id,
        n_documents,
        score_sum / n_documents as mean,
        greatest(score_sum_sq - score_sum * score_sum / n_documents, 0) as scatter
    from {{ ref('stg_bin_item_scores') }}
    where n_documents > 0 and item_subset = 'all'
),

centred as (
    select
        *,
        mean
        - avg(mean) over (partition by model, method, benchmark, item_subset, item_id)
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
        count(distinct item_id) as n_items,
        count(distinct bin_id) as n_bins,
        avg(cast(1 as double precision) / n_documents) as mean_inverse_documents,
        {{ ratio('sum(scatter)', 'sum(n_documents - 1)') }} as variance_within_bin,
        {{ ratio(
            'sum(interaction * interaction)',
            '(count(distinct item_id) - 1) * (count(distinct bin_id) - 1)'
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
    n_items,
    n_bins,
    1 / mean_inverse_documents as documents_per_bin,
    document_variance,
    residual_variance,
    -- Documents that differ in which items they help make bin means differ so, by chance alone.
    case
        when interaction_mean_square <= residual_variance * mean_inverse_documents then 0
        else interaction_mean_square - residual_variance * mean_inverse_documents
    end as item_variance
from residuals
