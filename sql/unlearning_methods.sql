-- question: Do regions chosen by one method hurt more when forgotten than those chosen by another?
-- grain: one row per model, objective, benchmark, condition, measure and pair of methods
-- reads: unlearning_methods
select
    model,
    objective,
    benchmark,
    condition,
    measure,
    method_a,
    method_b,
    finding,
    round(damage_a, 3) as damage_a,
    round(damage_b, 3) as damage_b,
    round(difference, 3) as difference,
    round(difference_low, 3) as difference_low,
    round(difference_high, 3) as difference_high,
    round(p_value, 4) as p_value,
    round(q_value, 4) as q_value,
    n_regions_a,
    n_regions_b,
    n_shared_regions,
    n_seeds,
    unit
from unlearning_methods
order by model, objective, condition, measure, benchmark, method_a, method_b
