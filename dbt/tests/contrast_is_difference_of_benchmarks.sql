{{ config(meta={'dagster': {'ref': {'name': 'bin_contrasts_by_correctness'}}}) }}
-- delta_z = z_a - z_b where both operands are benchmarks.
select
    contrasts.model,
    contrasts.method,
    contrasts.contrast,
    contrasts.bin_id,
    contrasts.delta_z,
    a.z as z_a,
    b.z as z_b
from {{ ref('bin_contrasts_by_correctness') }} as contrasts
inner join {{ ref('bin_influence_by_correctness') }} as a
    on
        contrasts.model = a.model
        and contrasts.method = a.method
        and contrasts.benchmark_a = a.benchmark
        and contrasts.item_subset = a.item_subset
        and contrasts.bin_id = a.bin_id
inner join {{ ref('bin_influence_by_correctness') }} as b
    on
        contrasts.model = b.model
        and contrasts.method = b.method
        and contrasts.benchmark_b = b.benchmark
        and contrasts.item_subset = b.item_subset
        and contrasts.bin_id = b.bin_id
where
    abs(contrasts.delta_z - (a.z - b.z)) > 1e-9
    or (contrasts.delta_z is null) != (a.z is null)
