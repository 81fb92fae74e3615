{{ config(meta={'dagster': {'ref': {'name': 'format_influence_by_correctness'}}}) }}
-- A format's z is the unweighted mean of the z of its bins with documents.
with expected as (
    select
        model,
        method,
        benchmark,
        item_subset,
        format,
        avg(z) as z
    from {{ ref('bin_influence_by_correctness') }}
    group by model, method, benchmark, item_subset, format
)

select
    found.model,
    found.method,
    found.benchmark,
    found.format,
    found.z,
    expected.z as expected_z
from {{ ref('format_influence_by_correctness') }} as found
left join expected
    on
        found.model = expected.model
        and found.method = expected.method
        and found.benchmark = expected.benchmark
        and found.item_subset = expected.item_subset
        and found.format = expected.format
where
    abs(found.z - expected.z) > 1e-9
    or (found.z is null) != (expected.z is null)
