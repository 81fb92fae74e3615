-- question: What does each benchmark lose when a region is left out of training?
-- grain: one row per model, benchmark, unit, region and outcome
-- reads: region_effects
select
    model,
    benchmark,
    unit,
    region,
    outcome,
    finding,
    round(effect, 2) as effect,
    round(effect_low, 2) as effect_low,
    round(effect_high, 2) as effect_high,
    round(q_value, 4) as q_value,
    round(base, 2) as base,
    round(without, 2) as without,
    n_left_out,
    n_repeats,
    n_items,
    n_clusters,
    role
from region_effects
order by model, outcome desc, unit, benchmark, effect desc, region
