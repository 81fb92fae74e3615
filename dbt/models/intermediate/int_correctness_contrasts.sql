with draws as (
    select
        resamples.model,
        resamples.method,
        contrasts.contrast,
        resamples.level,
        resamples.region_id,
        resamples.resample,
        sum(contrasts.coefficient * resamples.delta_z) as delta_z
    from {{ ref('int_correctness_resamples') }} as resamples
    inner join {{ ref('stg_study_contrasts') }} as contrasts
        on resamples.benchmark = contrasts.benchmark
    where resamples.level != 'bin'
    group by
        resamples.model,
        resamples.method,
        contrasts.contrast,
        resamples.level,
        resamples.region_id,
        resamples.resample
    having count(*) = max(contrasts.n_benchmarks)
),

spreads as (
    select
        model,
        method,
        contrast,
        level,
        region_id,
        {{ quantile('delta_z', 0.025) }} as low,
        {{ quantile('delta_z', 0.975) }} as high,
        stddev_samp(delta_z) as standard_error
    from draws
    group by model, method, contrast, level, region_id
),

compared as (
    select
        statistics.model,
        statistics.method,
        contrasts.contrast,
        contrasts.benchmark_a,
        contrasts.benchmark_b,
        statistics.level,
        statistics.region_id,
        sum(contrasts.coefficient * statistics.z_correct) as delta_z_correct,
        sum(contrasts.coefficient * statistics.z_incorrect) as delta_z_incorrect
    from {{ ref('int_correctness_statistics') }} as statistics
    inner join {{ ref('stg_study_contrasts') }} as contrasts
        on statistics.benchmark = contrasts.benchmark
    where statistics.level != 'bin'
    group by
        statistics.model,
        statistics.method,
        contrasts.contrast,
        contrasts.benchmark_a,
        contrasts.benchmark_b,
        statistics.level,
        statistics.region_id
    having count(statistics.z_correct - statistics.z_incorrect) = max(contrasts.n_benchmarks)
),

tested as (
    select
        compared.*,
        compared.delta_z_correct - compared.delta_z_incorrect as difference,
        spreads.low,
        spreads.high,
        spreads.standard_error,
        (compared.delta_z_correct - compared.delta_z_incorrect)
        / nullif(spreads.standard_error, 0) as difference_over_error
    from compared
    left join spreads
        on
            compared.model = spreads.model
            and compared.method = spreads.method
            and compared.contrast = spreads.contrast
            and compared.level = spreads.level
            and compared.region_id = spreads.region_id
),

scored as (
    select
        tested.*,
        {{ two_sided_p('difference_over_error') }} as p_value
    from tested
)

-- One family: all topics or formats of one contrast.
{{ benjamini_hochberg('scored', ['model', 'method', 'contrast', 'level']) }}
