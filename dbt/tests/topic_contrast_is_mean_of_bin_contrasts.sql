{{ config(meta={'dagster': {'ref': {'name': 'topic_contrasts_by_correctness'}}}) }}
-- A topic's contrast is the unweighted mean of the contrasts of its bins.
with expected as (
    select
        model,
        method,
        contrast,
        item_subset,
        topic,
        avg(delta_z) as delta_z
    from {{ ref('bin_contrasts_by_correctness') }}
    group by model, method, contrast, item_subset, topic
)

select
    found.model,
    found.method,
    found.contrast,
    found.topic,
    found.delta_z,
    expected.delta_z as expected_delta_z
from {{ ref('topic_contrasts_by_correctness') }} as found
left join expected
    on
        found.model = expected.model
        and found.method = expected.method
        and found.contrast = expected.contrast
        and found.item_subset = expected.item_subset
        and found.topic = expected.topic
where
    abs(found.delta_z - expected.delta_z) > 1e-9
    or (found.delta_z is null) != (expected.delta_z is null)
