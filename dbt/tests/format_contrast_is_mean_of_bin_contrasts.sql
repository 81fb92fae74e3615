{{ config(meta={'dagster': {'ref': {'name': 'format_contrasts_by_correctness'}}}) }}
-- A format's contrast is the unweighted mean of the contrasts of its bins.
with expected as (
    select
        model,
        method,
        contrast,
        item_subset,
        format,
        avg(delta_z) as delta_z
    from {{ ref('bin_contrasts_by_correctness') }}
    group by model, method, contrast, item_subset, format
)

select
    found.model,
    found.method,
    found.contrast,
    found.format,
    found.delta_z,
    expected.delta_z as expected_delta_z
from {{ ref('format_contrasts_by_correctness') }} as found
left join expected
    on
        found.model = expected.model
        and found.method = expected.method
        and found.contrast = expected.contrast
        and found.item_subset = expected.item_subset
        and found.format = expected.format
where
    abs(found.delta_z - expected.delta_z) > 1e-9
    or (found.delta_z is null) != (expected.delta_z is null)
