{{ config(meta={'dagster': {'ref': {'name': 'unlearning_tests'}}}) }}
-- The pairs that scipy tested are the pairs that SQL summarizes.
select
    marts.model,
    marts.method,
    marts.benchmark,
    marts.measure,
    marts.condition_a,
    marts.condition_b,
    marts.test,
    marts.n_cells,
    facts.n_cells as tested_cells,
    marts.median_difference,
    facts.median_difference as tested_median
from {{ source('lake', 'unlearning_comparisons') }} as facts
left join {{ ref('unlearning_tests') }} as marts
    on
        facts.model = marts.model
        and facts.method = marts.method
        and facts.objective = marts.objective
        and facts.benchmark = marts.benchmark
        and facts.measure = marts.measure
        and facts.condition_a = marts.condition_a
        and facts.condition_b = marts.condition_b
        and facts.test = marts.test
where
    marts.n_cells is null
    or marts.n_cells != facts.n_cells
    or abs(marts.median_difference - facts.median_difference) > 1e-9
