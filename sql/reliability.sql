-- question: Would other items, or other documents, give the same profile of a benchmark?
-- grain: one row per model, method, benchmark, item subset, level and thing halved
-- reads: profile_reliability
select
    model,
    method,
    benchmark,
    item_subset,
    level,
    split_over,
    round(reliability, 2) as reliability,
    round(reliability_low, 2) as reliability_low,
    round(reliability_high, 2) as reliability_high,
    n_items,
    n_bins,
    n_bins_of_one_document,
    unknown_reason
from profile_reliability
order by model, method, benchmark, item_subset, level, split_over
