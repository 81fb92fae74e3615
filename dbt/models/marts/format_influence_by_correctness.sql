select
    studies.study,
    statistics.model,
    statistics.method,
    statistics.benchmark,
    statistics.item_subset,
    regions.format,
    statistics.n_bins,
    statistics.n_documents,
    statistics.population_documents,
    statistics.n_items,
    statistics.z,
    intervals.z_low,
    intervals.z_high,
    intervals.z_standard_error,
    intervals.true_z,
    intervals.true_z_low,
    intervals.true_z_high,
    intervals.shrunken_z,
    case
        when statistics.z is not null then row_number() over (
            partition by
                statistics.model,
                statistics.method,
                statistics.benchmark,
                statistics.item_subset
            order by statistics.z desc nulls last, regions.format
        )
    end as z_rank,
    statistics.z_document_weighted,
    statistics.z_population_weighted,
    statistics.top_share,
    statistics.enrichment,
    intervals.p_value,
    intervals.q_value
from {{ ref('int_region_statistics') }} as statistics
inner join {{ ref('int_regions') }} as regions
    on statistics.level = regions.level and statistics.region_id = regions.region_id
cross join {{ ref('stg_studies') }} as studies
left join {{ ref('int_region_tests') }} as intervals
    on
        statistics.model = intervals.model
        and statistics.method = intervals.method
        and statistics.benchmark = intervals.benchmark
        and statistics.item_subset = intervals.item_subset
        and statistics.level = intervals.level
        and statistics.region_id = intervals.region_id
where statistics.level = 'format'
