select
    model,
    method,
    benchmark,
    item_subset,
    bin_id,
    stddev_samp(mean) as standard_error
from {{ ref('int_bin_resamples') }}
group by model, method, benchmark, item_subset, bin_id
