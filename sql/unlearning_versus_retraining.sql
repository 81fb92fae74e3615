-- question: Does forgetting a region do what never having seen it does?
-- grain: one row per model, method, objective, condition, benchmark, region and evaluated benchmark
-- reads: unlearning_versus_retraining
select
    model,
    method,
    objective,
    condition,
    benchmark,
    region,
    evaluated_benchmark,
    is_target,
    round(damage, 2) as damage,
    round(damage_low, 2) as damage_low,
    round(damage_high, 2) as damage_high,
    round(effect, 2) as effect,
    round(effect_low, 2) as effect_low,
    round(effect_high, 2) as effect_high,
    damage_rank,
    effect_rank,
    round(spearman, 2) as spearman,
    n_pairs,
    n_regions,
    n_sets,
    n_left_out
from unlearning_versus_retraining
order by
    model, method, objective, condition, effect_rank, benchmark, region, evaluated_benchmark
