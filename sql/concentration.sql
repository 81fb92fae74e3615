-- question: Does a benchmark's support come from few bins or from many?
-- grain: one row per model, method, benchmark and measure
-- reads: influence_concentration
select
    model,
    method,
    benchmark,
    measure,
    round(gini, 3) as gini,
    round(effective_bins, 1) as effective_bins,
    round(top_10_share, 3) as top_10_share,
    round(top_50_share, 3) as top_50_share,
    n_positive_bins,
    n_bins
from influence_concentration
order by model, method, measure, gini desc, benchmark
