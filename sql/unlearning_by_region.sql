-- question: How much more did each chosen region's benchmark lose than under random sets of it?
-- grain: one row per objective, benchmark and region, on the margin; intervals are over forget sets
-- reads: unlearning_cells, unlearning_tests
select
    tests.objective,
    tests.benchmark,
    tests.region,
    tests.n_sets_b as n_random_sets,
    round(influential.damage, 3) as ranked_first,
    round(random.damage, 3) as at_random,
    round(random.damage_low, 3) as at_random_low,
    round(random.damage_high, 3) as at_random_high,
    round(tests.difference, 3) as difference,
    round(tests.difference_low, 3) as difference_low,
    round(tests.difference_high, 3) as difference_high,
    round(tests.q_value, 4) as q_value
from unlearning_tests as tests
inner join unlearning_cells as influential
    on
        tests.objective = influential.objective
        and tests.model = influential.model
        and tests.method = influential.method
        and tests.benchmark = influential.benchmark
        and tests.region = influential.region
        and tests.measure = influential.measure
        and tests.condition_a = influential.condition
        and influential.is_target
inner join unlearning_cells as random
    on
        tests.objective = random.objective
        and tests.model = random.model
        and tests.method = random.method
        and tests.benchmark = random.benchmark
        and tests.region = random.region
        and tests.measure = random.measure
        and tests.condition_b = random.condition
        and random.is_target
where
    tests.condition_a = 'influence_in_topic'
    and tests.condition_b = 'random_in_topic'
    and tests.unit = 'set'
    and tests.region != 'all'
    and tests.measure = 'margin'
order by tests.objective, tests.benchmark, tests.region
