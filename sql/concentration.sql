-- question: Does a benchmark's influence come from few bins, or from no fewer than chance gives?
-- grain: one row per model, method, benchmark and measure
-- reads: influence_concentration
select
    model,
    method,
    benchmark,
    measure,
    round(gini, 3) as gini,
    round(gini_of_noise, 3) as gini_of_noise,
    round(gini_of_noise_high, 3) as gini_of_noise_high,
    gini > gini_of_noise_high as is_more_than_noise,
    round(effective_bins, 1) as effective_bins,
    round(effective_bins_of_noise, 1) as effective_bins_of_noise,
    round(top_10_share, 3) as top_10_share,
    round(top_10_share_of_noise, 3) as top_10_share_of_noise,
    n_bins,
    noise_unknown_reason
from influence_concentration
order by model, method, measure, gini desc, benchmark
