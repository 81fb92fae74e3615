-- Noise is drawn onto profiles that have as much signal as the observed ones have, sqrt(share)
-- times their z: onto z itself, which holds noise already, every resample would lose correlation.
with draws as (
    select
        resamples.model,
        resamples.method,
        resamples.benchmark,
        resamples.item_subset,
        resamples.level,
        resamples.region_id,
        resamples.resample,
        benchmarks.position,
        statistics.z,
        resamples.deviation - statistics.z as noise
    from {{ ref('int_region_resamples') }} as resamples
    inner join {{ ref('int_region_statistics') }} as statistics
        on
            resamples.model = statistics.model
            and resamples.method = statistics.method
            and resamples.benchmark = statistics.benchmark
            and resamples.item_subset = statistics.item_subset
            and resamples.level = statistics.level
            and resamples.region_id = statistics.region_id
    inner join {{ source('lake', 'study_benchmarks') }} as benchmarks
        on resamples.benchmark = benchmarks.benchmark
),

moments as (
    select
        a.model,
        a.method,
        a.item_subset,
        a.level,
        a.benchmark as benchmark_a,
        b.benchmark as benchmark_b,
        a.resample,
        var_samp(a.z) as variance_a,
        var_samp(b.z) as variance_b,
        covar_samp(a.z, b.z) as covariance,
        var_samp(a.noise) as noise_a,
        var_samp(b.noise) as noise_b,
        covar_samp(a.noise, b.noise) as noise_covariance,
        covar_samp(a.z, a.noise) as along_a,
        covar_samp(b.z, b.noise) as along_b,
        covar_samp(a.z, b.noise) as z_a_noise_b,
        covar_samp(a.noise, b.z) as noise_a_z_b
    from draws as a
    inner join draws as b
        on
            a.model = b.model
            and a.method = b.method
            and a.item_subset = b.item_subset
            and a.level = b.level
            and a.region_id = b.region_id
            and a.resample = b.resample
            and a.position < b.position
    group by a.model, a.method, a.item_subset, a.level, a.benchmark, b.benchmark, a.resample
),

shares as (
    select
        model,
        method,
        item_subset,
        level,
        benchmark_a,
        benchmark_b,
        1 - avg(noise_a) / nullif(max(variance_a), 0) as share_a,
        1 - avg(noise_b) / nullif(max(variance_b), 0) as share_b,
        sqrt(greatest(1 - avg(noise_a) / nullif(max(variance_a), 0), 0)) as scale_a,
        sqrt(greatest(1 - avg(noise_b) / nullif(max(variance_b), 0), 0)) as scale_b,
        max(covariance) - avg(noise_covariance) as true_covariance,
        max(variance_a) - avg(noise_a) as true_variance_a,
        max(variance_b) - avg(noise_b) as true_variance_b
    from moments
    group by model, method, item_subset, level, benchmark_a, benchmark_b
),

resampled as (
    select
        moments.model,
        moments.method,
        moments.item_subset,
        moments.level,
        moments.benchmark_a,
        moments.benchmark_b,
        shares.share_a,
        shares.share_b,
        shares.true_covariance,
        shares.true_variance_a,
        shares.true_variance_b,
        power(shares.scale_a, 2) * moments.variance_a + moments.noise_a
        + 2 * shares.scale_a * moments.along_a as variance_a,
        power(shares.scale_b, 2) * moments.variance_b + moments.noise_b
        + 2 * shares.scale_b * moments.along_b as variance_b,
        shares.scale_a * shares.scale_b * moments.covariance + moments.noise_covariance
        + shares.scale_a * moments.z_a_noise_b + shares.scale_b * moments.noise_a_z_b
            as covariance
    from moments
    inner join shares
        on
            moments.model = shares.model
            and moments.method = shares.method
            and moments.item_subset = shares.item_subset
            and moments.level = shares.level
            and moments.benchmark_a = shares.benchmark_a
            and moments.benchmark_b = shares.benchmark_b
),

true_values as (
    select
        *,
        covariance / nullif(sqrt(variance_a * variance_b), 0) as pearson,
        case
            when true_variance_a > 0 and true_variance_b > 0
                then true_covariance / sqrt(true_variance_a * true_variance_b)
        end as true_pearson
    from resampled
),

-- true_pearson is made of three moments: how it moves with them, to first order.
changes as (
    select
        *,
        case
            when true_pearson is not null
                then
                    covariance / sqrt(true_variance_a * true_variance_b)
                    - true_pearson * (
                        variance_a / (2 * true_variance_a) + variance_b / (2 * true_variance_b)
                    )
        end as true_change
    from true_values
),

errors as (
    select
        model,
        method,
        item_subset,
        level,
        benchmark_a,
        benchmark_b,
        max(share_a) as signal_share_a,
        max(share_b) as signal_share_b,
        stddev_samp({{ fisher('pearson') }}) as fisher_standard_error,
        max(true_pearson) as true_pearson,
        stddev_samp(true_change) as true_standard_error
    from changes
    group by model, method, item_subset, level, benchmark_a, benchmark_b
)

-- Like true_z: where the spread over bins is not told from chance there is no scale.
select
    errors.model,
    errors.method,
    errors.item_subset,
    errors.level,
    errors.benchmark_a,
    errors.benchmark_b,
    errors.signal_share_a,
    errors.signal_share_b,
    errors.fisher_standard_error,
    case
        when scales_a.signal_scale is not null and scales_b.signal_scale is not null
            then {{ bounded_correlation('errors.true_pearson') }}
    end as true_pearson,
    errors.true_standard_error / (1 - power({{ bounded_correlation('errors.true_pearson') }}, 2))
        as true_fisher_standard_error
from errors
inner join {{ ref('int_signal_shares') }} as scales_a
    on
        errors.model = scales_a.model
        and errors.method = scales_a.method
        and errors.benchmark_a = scales_a.benchmark
        and errors.item_subset = scales_a.item_subset
inner join {{ ref('int_signal_shares') }} as scales_b
    on
        errors.model = scales_b.model
        and errors.method = scales_b.method
        and errors.benchmark_b = scales_b.benchmark
        and errors.item_subset = scales_b.item_subset
