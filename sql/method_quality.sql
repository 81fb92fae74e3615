-- question: Which method predicts retraining, and how close does it come to what is possible?
-- grain: one row per model, design, unit, outcome, benchmark and method
-- reads: method_quality
select
    model,
    design,
    unit,
    outcome,
    benchmark,
    method,
    round(lds, 2) as lds,
    round(lds_low, 2) as lds_low,
    round(lds_high, 2) as lds_high,
    round(ceiling, 2) as ceiling,
    best_rank,
    worst_rank,
    n_methods,
    n_subsets,
    round(tuning_lds, 2) as tuning_lds,
    n_tuning_subsets,
    round(truth_reliability, 2) as truth_reliability,
    n_items,
    n_items_without_prediction,
    n_items_without_outcome,
    round(lds_standard_error, 3) as lds_standard_error,
    round(lds_item_standard_error, 3) as lds_item_standard_error,
    coalesce(unknown_reason, truth_unknown_reason) as unknown_reason
from method_quality
order by
    model,
    outcome desc,
    case when benchmark = 'all' then 0 else 1 end,
    benchmark,
    design,
    unit,
    lds desc nulls last,
    method
