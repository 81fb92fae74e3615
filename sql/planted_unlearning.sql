-- question: Where the truth is known, did forgetting hurt where facts were planted, and only there?
-- grain: one row per objective, benchmark and chosen region, on the margin
-- reads: planted_unlearning
select
    objective,
    benchmark,
    region,
    is_planted,
    n_random_sets_in_topic,
    round(more_than_random_in_topic, 3) as more_than_random_in_topic,
    round(more_than_random_global, 3) as more_than_random_global,
    round(more_than_others, 3) as more_than_others,
    is_held,
    is_benchmark_held
from planted_unlearning
where measure = 'margin'
order by objective, benchmark, region
