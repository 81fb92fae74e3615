-- question: Where the truth is known, did forgetting hurt where facts were planted, and only there?
-- grain: one row per objective, benchmark and chosen region, on the margin
-- reads: planted_unlearning
select
    objective,
    benchmark,
    region,
    is_planted,
    n_cells,
    round(mean_difference, 3) as more_than_random,
    round(standard_error, 3) as standard_error,
    is_claim_held
from planted_unlearning
where measure = 'margin'
order by objective, benchmark, region
