-- question: Does the model answer the benchmarks above chance?
-- grain: one row per benchmark and model
-- reads: benchmarks
select
    benchmark,
    domain,
    capability,
    model,
    n_items,
    round(accuracy, 3) as accuracy,
    round(accuracy_low, 3) as accuracy_low,
    round(accuracy_high, 3) as accuracy_high,
    round(chance, 3) as chance,
    accuracy_low > chance as is_above_chance,
    round(mean_margin, 3) as mean_margin
from benchmarks
order by position, model
