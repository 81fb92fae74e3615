{{ config(meta={'dagster': {'ref': {'name': 'planted_recovery_by_correctness'}}}) }}
-- Each benchmark with a planted truth is graded by all measures, for each method.
with expected as (
    select distinct
        influence.model,
        influence.method,
        influence.benchmark,
        influence.item_subset
    from {{ ref('topic_influence_by_correctness') }} as influence
    inner join {{ source('lake', 'planted_truth') }} as truth
        on influence.benchmark = truth.benchmark
)

select
    expected.model,
    expected.method,
    expected.benchmark,
    count(found.measure) as n_measures
from expected
left join {{ ref('planted_recovery_by_correctness') }} as found
    on
        expected.model = found.model
        and expected.method = found.method
        and expected.benchmark = found.benchmark
        and expected.item_subset = found.item_subset
group by expected.model, expected.method, expected.benchmark, expected.item_subset
having count(found.measure) != 3
