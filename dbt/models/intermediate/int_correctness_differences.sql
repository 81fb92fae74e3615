with spreads as (
    select
        model,
        method,
        benchmark,
        level,
        region_id,
        {{ quantile('delta_z', 0.025) }} as delta_z_low,
        {{ quantile('delta_z', 0.975) }} as delta_z_high,
        stddev_samp(delta_z) as delta_z_standard_error
    from {{ ref('int_correctness_resamples') }}
    group by model, method, benchmark, level, region_id
),

compared as (
    select
        statistics.model,
        statistics.method,
        statistics.benchmark,
        statistics.level,
        statistics.region_id,
        statistics.z_correct,
        statistics.z_incorrect,
        statistics.z_correct - statistics.z_incorrect as delta_z,
        spreads.delta_z_low,
        spreads.delta_z_high,
        spreads.delta_z_standard_error,
        (statistics.z_correct - statistics.z_incorrect)
        / nullif(spreads.delta_z_standard_error, 0) as delta_z_over_error
    from {{ ref('int_correctness_statistics') }} as statistics
    left join spreads
        on
            statistics.model = spreads.model
            and statistics.method = spreads.method
            and statistics.benchmark = spreads.benchmark
            and statistics.level = spreads.level
            and statistics.region_id = spreads.region_id
),

tested as (
    select
        compared.*,
        {{ two_sided_p('delta_z_over_error') }} as p_value
    from compared
)

-- One family: all bins, topics or formats of one benchmark.
{{ benjamini_hochberg('tested', ['model', 'method', 'benchmark', 'level']) }}
