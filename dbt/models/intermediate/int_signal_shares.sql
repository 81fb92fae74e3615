-- What of the variance over bins is not chance: all of it less the mean variance of the noise. Its
-- error is over resamples of a profile that has that much signal, not of the observed one, which
-- holds noise already. A scale that is not surely above 0 is none: values are divided by it.
with shares as (
    select
        model,
        method,
        benchmark,
        item_subset,
        1 - avg(noise_variance) as signal_share
    from {{ ref('int_spread_resamples') }}
    group by model, method, benchmark, item_subset
),

errors as (
    select
        spreads.model,
        spreads.method,
        spreads.benchmark,
        spreads.item_subset,
        stddev_samp(
            spreads.noise_variance
            + 2 * sqrt(greatest(shares.signal_share, 0)) * spreads.noise_covariance
        ) as signal_share_standard_error
    from {{ ref('int_spread_resamples') }} as spreads
    inner join shares
        on
            spreads.model = shares.model
            and spreads.method = shares.method
            and spreads.benchmark = shares.benchmark
            and spreads.item_subset = shares.item_subset
    group by spreads.model, spreads.method, spreads.benchmark, spreads.item_subset
)

select
    shares.model,
    shares.method,
    shares.benchmark,
    shares.item_subset,
    shares.signal_share,
    errors.signal_share_standard_error,
    case
        when shares.signal_share > 4 * errors.signal_share_standard_error
            then sqrt(shares.signal_share)
    end as signal_scale
from shares
inner join errors
    on
        shares.model = errors.model
        and shares.method = errors.method
        and shares.benchmark = errors.benchmark
        and shares.item_subset = errors.item_subset
