with resamples as (
    select
        draws.method,
        contrasts.contrast,
        draws.item_subset,
        draws.level,
        draws.region_id,
        draws.resample,
        sum(contrasts.coefficient * draws.z) as delta_z,
        sum(contrasts.coefficient * draws.deviation) as deviation
    from {{ ref('int_region_resamples') }} as draws
    inner join {{ ref('stg_study_contrasts') }} as contrasts
        on draws.benchmark = contrasts.benchmark
    group by
        draws.method,
        contrasts.contrast,
        draws.item_subset,
        draws.level,
        draws.region_id,
        draws.resample
    having count(*) = max(contrasts.n_benchmarks)
),

spreads as (
    select
        method,
        contrast,
        item_subset,
        level,
        region_id,
        {{ quantile('delta_z', 0.025) }} as delta_z_low,
        {{ quantile('delta_z', 0.975) }} as delta_z_high,
        stddev_samp(deviation) as delta_z_standard_error,
        avg(delta_z) as delta_z_resample_mean
    from resamples
    group by method, contrast, item_subset, level, region_id
),

tested as (
    select
        statistics.method,
        statistics.contrast,
        statistics.benchmark_a,
        statistics.benchmark_b,
        statistics.item_subset,
        statistics.level,
        statistics.region_id,
        statistics.n_items,
        statistics.n_bins,
        statistics.n_documents,
        statistics.population_documents,
        statistics.delta_z,
        statistics.delta_z_document_weighted,
        statistics.delta_z_population_weighted,
        spreads.delta_z_low,
        spreads.delta_z_high,
        spreads.delta_z_standard_error,
        spreads.delta_z_resample_mean - statistics.delta_z as delta_z_bias,
        statistics.delta_z / nullif(spreads.delta_z_standard_error, 0) as delta_z_over_error
    from {{ ref('int_contrast_statistics') }} as statistics
    left join spreads
        on
            statistics.method = spreads.method
            and statistics.contrast = spreads.contrast
            and statistics.item_subset = spreads.item_subset
            and statistics.level = spreads.level
            and statistics.region_id = spreads.region_id
)

select
    method,
    contrast,
    benchmark_a,
    benchmark_b,
    item_subset,
    level,
    region_id,
    n_items,
    n_bins,
    n_documents,
    population_documents,
    delta_z,
    delta_z_document_weighted,
    delta_z_population_weighted,
    delta_z_low,
    delta_z_high,
    delta_z_standard_error,
    delta_z_bias,
    delta_z_over_error,
    {{ two_sided_p('delta_z_over_error') }} as p_value
from tested
