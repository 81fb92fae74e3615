-- Each pair of benchmarks once, in the study's order, with their values region by region.
select
    a.method,
    a.item_subset,
    a.level,
    a.benchmark as benchmark_a,
    b.benchmark as benchmark_b,
    a.region_id,
    a.z as z_a,
    b.z as z_b
from {{ ref('int_region_statistics') }} as a
inner join {{ ref('int_region_statistics') }} as b
    on
        a.method = b.method
        and a.item_subset = b.item_subset
        and a.level = b.level
        and a.region_id = b.region_id
inner join {{ ref('stg_study_benchmarks') }} as first_benchmark
    on a.benchmark = first_benchmark.benchmark
inner join {{ ref('stg_study_benchmarks') }} as second_benchmark
    on b.benchmark = second_benchmark.benchmark
where
    first_benchmark.position < second_benchmark.position
    and a.z is not null
    and b.z is not null
