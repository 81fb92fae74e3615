with spreads as (
    select
        method,
        benchmark,
        item_subset,
        level,
        region_id,
        {{ quantile('z', 0.025) }} as z_low,
        {{ quantile('z', 0.975) }} as z_high,
        stddev_samp(deviation) as z_standard_error,
        avg(z) as z_resample_mean
    from {{ ref('int_region_resamples') }}
    group by method, benchmark, item_subset, level, region_id
),

tested as (
    select
        statistics.method,
        statistics.benchmark,
        statistics.item_subset,
        statistics.level,
        statistics.region_id,
        statistics.z,
        spreads.z_low,
        spreads.z_high,
        spreads.z_standard_error,
        spreads.z_resample_mean - statistics.z as z_bias,
        statistics.z / nullif(spreads.z_standard_error, 0) as z_over_error
    from {{ ref('int_region_statistics') }} as statistics
    inner join spreads
        on
            statistics.method = spreads.method
            and statistics.benchmark = spreads.benchmark
            and statistics.item_subset = spreads.item_subset
            and statistics.level = spreads.level
            and statistics.region_id = spreads.region_id
)

select
    method,
    benchmark,
    item_subset,
    level,
    region_id,
    z,
    z_low,
    z_high,
    z_standard_error,
    z_bias,
    {{ two_sided_p('z_over_error') }} as p_value
from tested
