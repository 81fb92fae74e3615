-- question: How alike are the influence profiles of two benchmarks, and what does that hang on?
-- grain: one row per model, method, level and pair of benchmarks
-- reads: benchmark_correlations
select
    model,
    method,
    preconditioner,
    level,
    benchmark_a,
    benchmark_b,
    round(pearson, 2) as pearson,
    round(pearson_low, 2) as pearson_low,
    round(pearson_high, 2) as pearson_high,
    round(spearman, 2) as spearman,
    most_influential_bin,
    round(pearson_without_it, 2) as pearson_without_it,
    n_regions
from benchmark_correlations
order by model, method, level, pearson desc, benchmark_a, benchmark_b
