-- Both scales are held: deviation is in units of the observed spread over bins, true_deviation in
-- units of the signal's, whose own error is added to first order (it widens outstanding bins).
select
    resamples.model,
    resamples.method,
    resamples.benchmark,
    resamples.item_subset,
    resamples.resample,
    resamples.bin_id,
    resamples.mean,
    (resamples.mean - spreads.centre) / nullif(spreads.spread, 0) as deviation,
    (resamples.mean - spreads.centre) / nullif(spreads.spread, 0) / shares.signal_scale
    - statistics.z / shares.signal_scale * (
        spreads.noise_variance - (1 - shares.signal_share)
        + 2 * shares.signal_scale * spreads.noise_covariance
    ) / (2 * shares.signal_share) as true_deviation
from {{ ref('stg_bin_mean_resamples') }} as resamples
inner join {{ ref('int_spread_resamples') }} as spreads
    on
        resamples.model = spreads.model
        and resamples.method = spreads.method
        and resamples.benchmark = spreads.benchmark
        and resamples.item_subset = spreads.item_subset
        and resamples.resample = spreads.resample
inner join {{ ref('int_signal_shares') }} as shares
    on
        resamples.model = shares.model
        and resamples.method = shares.method
        and resamples.benchmark = shares.benchmark
        and resamples.item_subset = shares.item_subset
inner join {{ ref('int_bin_statistics') }} as statistics
    on
        resamples.model = statistics.model
        and resamples.method = statistics.method
        and resamples.benchmark = statistics.benchmark
        and resamples.item_subset = statistics.item_subset
        and resamples.bin_id = statistics.bin_id
