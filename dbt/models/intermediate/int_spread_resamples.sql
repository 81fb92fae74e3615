-- Per resample, how the drawn noise lies over the bins: alone, and along the estimates.
with estimates as (
    select
        model,
        method,
        benchmark,
        item_subset,
        bin_id,
        mean,
        stddev_samp(mean) over (partition by model, method, benchmark, item_subset) as spread
    from {{ ref('int_bin_statistics') }}
)

select
    resamples.model,
    resamples.method,
    resamples.benchmark,
    resamples.item_subset,
    resamples.resample,
    avg(resamples.mean) as centre,
    max(estimates.spread) as spread,
    var_samp(resamples.mean - estimates.mean) / nullif(max(power(estimates.spread, 2)), 0)
        as noise_variance,
    covar_samp(estimates.mean, resamples.mean - estimates.mean)
    / nullif(max(power(estimates.spread, 2)), 0) as noise_covariance
from {{ ref('stg_bin_mean_resamples') }} as resamples
inner join estimates
    on
        resamples.model = estimates.model
        and resamples.method = estimates.method
        and resamples.benchmark = estimates.benchmark
        and resamples.item_subset = estimates.item_subset
        and resamples.bin_id = estimates.bin_id
group by
    resamples.model,
    resamples.method,
    resamples.benchmark,
    resamples.item_subset,
    resamples.resample
