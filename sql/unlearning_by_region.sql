-- question: How much did each chosen region's benchmark lose, condition by condition?
-- grain: one row per objective, benchmark and region, on the margin
-- reads: unlearning_cells
select
    influential.objective,
    influential.benchmark,
    influential.region,
    influential.n_seeds,
    round(influential.damage, 3) as ranked_first,
    round(influential.damage_low, 3) as ranked_first_low,
    round(influential.damage_high, 3) as ranked_first_high,
    round(random.damage, 3) as at_random,
    round(random.damage_low, 3) as at_random_low,
    round(random.damage_high, 3) as at_random_high
from unlearning_cells as influential
inner join unlearning_cells as random
    on
        influential.objective = random.objective
        and influential.benchmark = random.benchmark
        and influential.region = random.region
        and influential.measure = random.measure
        and random.is_target
        and random.condition = 'random_in_topic'
where
    influential.is_target
    and influential.condition = 'influence_in_topic'
    and influential.measure = 'margin'
order by influential.objective, influential.benchmark, influential.region
