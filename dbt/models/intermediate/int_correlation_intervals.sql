with resamples as (
    select
        a.method,
        a.item_subset,
        a.level,
        a.benchmark as benchmark_a,
        b.benchmark as benchmark_b,
        a.resample,
        case
            when min(a.z) < max(a.z) and min(b.z) < max(b.z) then corr(a.z, b.z)
        end as pearson
    from {{ ref('int_region_resamples') }} as a
    inner join {{ ref('int_region_resamples') }} as b
        on
            a.method = b.method
            and a.item_subset = b.item_subset
            and a.level = b.level
            and a.region_id = b.region_id
            and a.resample = b.resample
    inner join {{ ref('stg_study_benchmarks') }} as first_benchmark
        on a.benchmark = first_benchmark.benchmark
    inner join {{ ref('stg_study_benchmarks') }} as second_benchmark
        on b.benchmark = second_benchmark.benchmark
    where first_benchmark.position < second_benchmark.position
    group by a.method, a.item_subset, a.level, a.benchmark, b.benchmark, a.resample
)

select
    method,
    item_subset,
    level,
    benchmark_a,
    benchmark_b,
    {{ quantile('pearson', 0.025) }} as pearson_low,
    {{ quantile('pearson', 0.975) }} as pearson_high,
    avg(pearson) as pearson_resample_mean
from resamples
group by method, item_subset, level, benchmark_a, benchmark_b
