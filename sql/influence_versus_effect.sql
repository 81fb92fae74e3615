-- question: Where does a method say more or less than leaving the region out does?
-- grain: one row per model, method, benchmark, unit, region and outcome
-- reads: influence_versus_effect
select
    model,
    method,
    benchmark,
    unit,
    region,
    outcome,
    is_planted,
    influence_rank,
    effect_rank,
    n_regions,
    round(influence_sum, 4) as influence_sum,
    round(effect, 2) as effect,
    round(predicted_effect, 2) as predicted_effect,
    round(residual, 2) as residual,
    round(q_value, 4) as effect_q_value,
    role
from influence_versus_effect
order by
    model,
    outcome desc,
    method,
    benchmark,
    unit,
    abs(residual) desc nulls last,
    region
