{{ config(meta={'dagster': {'ref': {'name': 'unlearning_damage'}}}) }}
-- Each run that is done has a damage on each benchmark, over all of its items.
with expected as (
    select
        runs.run_id,
        benchmarks.benchmark as evaluated_benchmark,
        benchmarks.n_items
    from {{ ref('int_unlearned_runs') }} as runs
    inner join {{ ref('benchmarks') }} as benchmarks on runs.model = benchmarks.model
)

select
    expected.run_id,
    expected.evaluated_benchmark,
    expected.n_items,
    found.n_items as answered_items
from expected
left join {{ ref('unlearning_damage') }} as found
    on
        expected.run_id = found.run_id
        and expected.evaluated_benchmark = found.evaluated_benchmark
        and found.measure = 'margin'
where found.n_items is null or found.n_items != expected.n_items
