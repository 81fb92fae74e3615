-- Only methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.item_subset,
    facts.resample,
    facts.bin_id,
    facts.mean
from {{ source('lake', 'bin_mean_resamples') }} as facts
inner join {{ source('lake', 'study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
