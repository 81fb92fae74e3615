-- Pearson's r without each region in turn, from sums: one pass, not one pass per region.
with sums as (
    select
        model,
        method,
        item_subset,
        level,
        benchmark_a,
        benchmark_b,
        count(*) - 1 as n,
        sum(z_a) as sum_a,
        sum(z_b) as sum_b,
        sum(z_a * z_a) as sum_aa,
        sum(z_b * z_b) as sum_bb,
        sum(z_a * z_b) as sum_ab
    from {{ ref('int_benchmark_pairs') }}
    group by model, method, item_subset, level, benchmark_a, benchmark_b
),

without as (
    select
        pairs.model,
        pairs.method,
        pairs.item_subset,
        pairs.level,
        pairs.benchmark_a,
        pairs.benchmark_b,
        pairs.region_id,
        sums.n * (sums.sum_aa - pairs.z_a * pairs.z_a)
        - power(sums.sum_a - pairs.z_a, 2) as spread_a,
        sums.n * (sums.sum_bb - pairs.z_b * pairs.z_b)
        - power(sums.sum_b - pairs.z_b, 2) as spread_b,
        sums.n * (sums.sum_ab - pairs.z_a * pairs.z_b)
        - (sums.sum_a - pairs.z_a) * (sums.sum_b - pairs.z_b) as joint_spread
    from {{ ref('int_benchmark_pairs') }} as pairs
    inner join sums
        on
            pairs.model = sums.model
            and pairs.method = sums.method
            and pairs.item_subset = sums.item_subset
            and pairs.level = sums.level
            and pairs.benchmark_a = sums.benchmark_a
            and pairs.benchmark_b = sums.benchmark_b
    -- Two points are always on a line.
    where sums.n >= 3
)

select
    model,
    method,
    item_subset,
    level,
    benchmark_a,
    benchmark_b,
    region_id,
    joint_spread / sqrt(spread_a * spread_b) as pearson
from without
where spread_a > 1e-12 and spread_b > 1e-12
