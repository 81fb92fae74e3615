{%- set quantiles = normal_quantiles_for_power() -%}
with spreads as (
    select
        model,
        method,
        benchmark,
        item_subset,
        stddev_samp(mean) as spread
    from {{ ref('int_bin_statistics') }}
    group by model, method, benchmark, item_subset
),

parts as (
    select
        components.*,
        nullif(spreads.spread, 0) as spread,
        2 * components.cluster_variance / components.n_clusters as item_part,
        2 * components.document_variance / components.documents_per_bin as document_part
    from {{ ref('int_variance_components') }} as components
    inner join spreads
        on
            components.model = spreads.model
            and components.method = spreads.method
            and components.benchmark = spreads.benchmark
            and components.item_subset = spreads.item_subset
)

select
    studies.study,
    parts.model,
    parts.method,
    parts.benchmark,
    parts.item_subset,
    parts.n_bins,
    parts.n_items,
    parts.n_clusters,
    parts.documents_per_bin,
    parts.spread as bin_spread,
    shares.signal_share,
    shares.signal_share_standard_error,
    sqrt(parts.document_variance) as document_standard_deviation,
    sqrt(parts.cluster_variance) as cluster_standard_deviation,
    sqrt(parts.document_part + parts.item_part) as standard_error_of_difference,
    {{ ratio('parts.document_part', 'parts.document_part + parts.item_part') }}
        as share_from_documents,
    {{ quantiles }} * sqrt(parts.document_part + parts.item_part) as detectable_difference,
    {{ quantiles }} * sqrt(parts.document_part + parts.item_part) / parts.spread as detectable_z,
    {{ quantiles }} * sqrt(parts.item_part) / parts.spread as detectable_z_limit,
    {{ documents_for(0.5) }} as documents_for_half_z,
    {{ documents_for(1) }} as documents_for_one_z,
    {{ documents_for(2) }} as documents_for_two_z
from parts
cross join {{ ref('stg_studies') }} as studies
left join {{ source('lake', 'signal_shares') }} as shares
    on
        parts.model = shares.model
        and parts.method = shares.method
        and parts.benchmark = shares.benchmark
        and parts.item_subset = shares.item_subset
