-- question: Which of two methods predicts retraining better, on the same subsets?
-- grain: one row per model, design, unit, outcome, benchmark and pair of methods
-- reads: method_quality_differences
select
    model,
    design,
    unit,
    outcome,
    benchmark,
    method_a,
    method_b,
    finding,
    round(lds_a, 2) as lds_a,
    round(lds_b, 2) as lds_b,
    round(difference, 2) as difference,
    round(difference_low, 2) as difference_low,
    round(difference_high, 2) as difference_high,
    round(p_value, 4) as p_value,
    round(q_value, 4) as q_value,
    n_subsets
from method_quality_differences
order by
    model,
    outcome desc,
    case when benchmark = 'all' then 0 else 1 end,
    benchmark,
    design,
    unit,
    method_a,
    method_b
