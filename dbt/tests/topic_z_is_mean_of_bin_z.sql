{{ config(meta={'dagster': {'ref': {'name': 'topic_influence_by_correctness'}}}) }}
-- A topic's z is the unweighted mean of the z of its bins with documents.
with expected as (
    select
        model,
        method,
        benchmark,
        item_subset,
        topic,
        avg(z) as z
    from {{ ref('bin_influence_by_correctness') }}
    group by model, method, benchmark, item_subset, topic
)

select
    found.model,
    found.method,
    found.benchmark,
    found.topic,
    found.z,
    expected.z as expected_z
from {{ ref('topic_influence_by_correctness') }} as found
left join expected
    on
        found.model = expected.model
        and found.method = expected.method
        and found.benchmark = expected.benchmark
        and found.item_subset = expected.item_subset
        and found.topic = expected.topic
where
    abs(found.z - expected.z) > 1e-9
    or (found.z is null) != (expected.z is null)
