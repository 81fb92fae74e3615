select
    facts.method,
    facts.benchmark,
    facts.item_subset,
    facts.resample,
    facts.bin_id,
    facts.mean
from {{ source('lake', 'bin_mean_resamples') }} as facts
