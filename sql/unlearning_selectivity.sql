-- question: Is the damage on the benchmark that it was aimed at, or everywhere?
-- grain: one row per objective, benchmark and factor effect, over the regions, on the margin
-- reads: unlearning_selectivity
select
    objective,
    benchmark,
    factor_effect,
    n_other_benchmarks,
    round(target_damage, 3) as target_damage,
    round(other_damage, 3) as other_damage,
    round(difference, 3) as difference,
    round(difference_low, 3) as difference_low,
    round(difference_high, 3) as difference_high,
    round(beyond_random, 3) as beyond_random,
    round(beyond_random_low, 3) as beyond_random_low,
    round(beyond_random_high, 3) as beyond_random_high,
    round(ratio, 2) as ratio
from unlearning_selectivity
where condition = 'influence_in_topic' and region = 'all' and measure = 'margin'
order by objective, benchmark, factor_effect
