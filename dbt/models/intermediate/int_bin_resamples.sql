-- Resampling adds noise to means that are noisy already, so the spread over bins grows and a z that
-- is standardized anew shrinks. z is therefore multiplied by the mean growth, so that intervals
-- stand where the estimate stands; deviation is held at the observed spread, for standard errors.
with moments as (
    select
        method,
        benchmark,
        item_subset,
        resample,
        avg(mean) as centre,
        stddev_samp(mean) as spread
    from {{ ref('stg_bin_mean_resamples') }}
    group by method, benchmark, item_subset, resample
),

observed as (
    select
        method,
        benchmark,
        item_subset,
        stddev_samp(mean) as spread
    from {{ ref('int_bin_statistics') }}
    group by method, benchmark, item_subset
),

growth as (
    select
        method,
        benchmark,
        item_subset,
        avg(spread) as spread
    from moments
    group by method, benchmark, item_subset
)

select
    resamples.method,
    resamples.benchmark,
    resamples.item_subset,
    resamples.resample,
    resamples.bin_id,
    resamples.mean,
    (resamples.mean - moments.centre) / nullif(moments.spread, 0)
    * growth.spread / nullif(observed.spread, 0) as z,
    (resamples.mean - moments.centre) / nullif(observed.spread, 0) as deviation
from {{ ref('stg_bin_mean_resamples') }} as resamples
inner join moments
    on
        resamples.method = moments.method
        and resamples.benchmark = moments.benchmark
        and resamples.item_subset = moments.item_subset
        and resamples.resample = moments.resample
inner join observed
    on
        resamples.method = observed.method
        and resamples.benchmark = observed.benchmark
        and resamples.item_subset = observed.item_subset
inner join growth
    on
        resamples.method = growth.method
        and resamples.benchmark = growth.benchmark
        and resamples.item_subset = growth.item_subset
