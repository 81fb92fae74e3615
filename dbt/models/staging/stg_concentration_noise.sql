-- Only methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.measure,
    facts.gini_of_noise,
    facts.gini_of_noise_low,
    facts.gini_of_noise_high,
    facts.effective_bins_of_noise,
    facts.effective_bins_of_noise_low,
    facts.effective_bins_of_noise_high,
    facts.top_10_share_of_noise,
    facts.top_10_share_of_noise_low,
    facts.top_10_share_of_noise_high,
    facts.top_50_share_of_noise,
    facts.top_50_share_of_noise_low,
    facts.top_50_share_of_noise_high,
    facts.top_100_share_of_noise,
    facts.top_100_share_of_noise_low,
    facts.top_100_share_of_noise_high
from {{ source('lake', 'concentration_noise') }} as facts
inner join {{ source('lake', 'study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
