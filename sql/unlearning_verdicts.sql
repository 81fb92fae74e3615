-- question: Does forgetting what ranks first hurt the benchmark more than at random, and it alone?
-- grain: one row per objective, benchmark, region (null: over the benchmark's regions) and measure
-- reads: unlearning_verdicts
select
    objective,
    benchmark,
    region,
    measure,
    n_random_sets_in_topic,
    round(damage, 3) as damage,
    round(more_than_random_in_topic, 3) as more_than_random_in_topic,
    round(q_random_in_topic, 4) as q_random_in_topic,
    round(more_than_random_global, 3) as more_than_random_global,
    round(q_random_global, 4) as q_random_global,
    round(more_than_others, 3) as more_than_others,
    round(more_than_others_low, 3) as more_than_others_low,
    round(more_selective_than_random_low, 3) as more_selective_than_random_low,
    is_held,
    reason
from unlearning_verdicts
order by objective, measure desc, benchmark, region nulls first
