with ranked as (
    select
        pairs.*,
        {{ average_rank(
            'z_a',
            ['model', 'method', 'item_subset', 'level', 'benchmark_a', 'benchmark_b']
        ) }}
            as rank_a,
        {{ average_rank(
            'z_b',
            ['model', 'method', 'item_subset', 'level', 'benchmark_a', 'benchmark_b']
        ) }}
            as rank_b
    from {{ ref('int_benchmark_pairs') }} as pairs
)

-- corr divides by a spread that is zero where all values are equal; that is no correlation.
select
    model,
    method,
    item_subset,
    level,
    benchmark_a,
    benchmark_b,
    count(*) as n_regions,
    case
        when min(z_a) < max(z_a) and min(z_b) < max(z_b) then corr(z_a, z_b)
    end as pearson,
    case
        when min(z_a) < max(z_a) and min(z_b) < max(z_b) then corr(rank_a, rank_b)
    end as spearman
from ranked
group by model, method, item_subset, level, benchmark_a, benchmark_b
