select
    studies.study,
    bins.model,
    bins.method,
    bins.benchmark,
    bins.item_subset,
    bins.topic,
    bins.format,
    bins.bin_id,
    bins.n_documents,
    bins.population_documents,
    bins.stratum,
    bins.n_items,
    {{ support_columns('bins', 'bins.bin_id') }},
    bins.mean,
    bins.score_sum,
    documents.standard_deviation,
    intervals.standard_error,
    intervals.mean_low,
    intervals.mean_high,
    shrinkage.shrunken_mean,
    bins.z,
    intervals.z_low,
    intervals.z_high,
    intervals.z_standard_error,
    intervals.signal_z,
    intervals.signal_z_low,
    intervals.signal_z_high,
    intervals.shrunken_z,
    case
        when bins.z is not null then row_number() over (
            partition by bins.model, bins.method, bins.benchmark, bins.item_subset
            order by bins.z desc nulls last, bins.bin_id
        )
    end as z_rank,
    bins.n_in_top_k,
    bins.top_share,
    {{ enrichment_columns('bins') }},
    intervals.p_value,
    intervals.q_value,
    reliabilities.reliability as item_reliability,
    reliabilities.reliability < 0 as is_z_doubtful
from {{ ref('int_bin_statistics') }} as bins
cross join {{ ref('stg_studies') }} as studies
-- Joined here, and not earlier, so that nothing else waits for the scan of all scores.
left join {{ ref('int_bin_document_statistics') }} as documents
    on
        bins.model = documents.model
        and bins.method = documents.method
        and bins.benchmark = documents.benchmark
        and bins.bin_id = documents.bin_id
left join {{ ref('int_bin_shrinkage') }} as shrinkage
    on
        bins.model = shrinkage.model
        and bins.method = shrinkage.method
        and bins.benchmark = shrinkage.benchmark
        and bins.item_subset = shrinkage.item_subset
        and bins.bin_id = shrinkage.bin_id
left join {{ ref('int_region_tests') }} as intervals
    on
        bins.model = intervals.model
        and bins.method = intervals.method
        and bins.benchmark = intervals.benchmark
        and bins.item_subset = intervals.item_subset
        and intervals.level = 'bin'
        and bins.bin_id = intervals.region_id
left join {{ ref('profile_reliability') }} as reliabilities
    on
        bins.model = reliabilities.model
        and bins.method = reliabilities.method
        and bins.benchmark = reliabilities.benchmark
        and bins.item_subset = reliabilities.item_subset
        and reliabilities.split_over = 'items'
        and reliabilities.level = 'bin'
