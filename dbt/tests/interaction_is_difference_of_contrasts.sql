{{ config(meta={'dagster': {'ref': {'name': 'bin_contrasts_by_correctness'}}}) }}
-- A contrast of two contrasts is the difference of their values.
select
    outer_contrast.model,
    outer_contrast.method,
    outer_contrast.contrast,
    outer_contrast.bin_id,
    outer_contrast.delta_z,
    a.delta_z as delta_z_a,
    b.delta_z as delta_z_b
from {{ ref('bin_contrasts_by_correctness') }} as outer_contrast
inner join {{ ref('bin_contrasts_by_correctness') }} as a
    on
        outer_contrast.model = a.model
        and outer_contrast.method = a.method
        and outer_contrast.benchmark_a = a.contrast
        and outer_contrast.item_subset = a.item_subset
        and outer_contrast.bin_id = a.bin_id
inner join {{ ref('bin_contrasts_by_correctness') }} as b
    on
        outer_contrast.model = b.model
        and outer_contrast.method = b.method
        and outer_contrast.benchmark_b = b.contrast
        and outer_contrast.item_subset = b.item_subset
        and outer_contrast.bin_id = b.bin_id
where abs(outer_contrast.delta_z - (a.delta_z - b.delta_z)) > 1e-9
