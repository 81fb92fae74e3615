-- question: Does forgetting what ranks first hurt the benchmark more than forgetting at random?
-- grain: one row per objective, benchmark and measure
-- reads: unlearning_verdicts
select
    objective,
    benchmark,
    measure,
    n_runs,
    round(damage, 3) as damage,
    round(damage_low, 3) as damage_low,
    round(damage_high, 3) as damage_high,
    round(more_than_random_in_topic, 3) as more_than_random_in_topic,
    round(q_random_in_topic, 4) as q_random_in_topic,
    round(more_than_random_global, 3) as more_than_random_global,
    round(q_random_global, 4) as q_random_global,
    round(least_share_kept, 3) as least_share_others_keep,
    is_held
from unlearning_verdicts
order by objective, measure desc, benchmark
