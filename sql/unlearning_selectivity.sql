-- question: Is the damage on the benchmark that it was aimed at, or everywhere?
-- grain: one row per objective, benchmark and factor effect, on the margin
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
    round(ratio, 2) as ratio,
    round(ratio_low, 2) as ratio_low,
    round(ratio_high, 2) as ratio_high
from unlearning_selectivity
where condition = 'influence_in_topic' and measure = 'margin'
order by objective, benchmark, factor_effect
