-- question: Which correlations between benchmarks does a single topic or bin carry?
-- grain: one row per model, method, level and pair, the largest change by a topic first
-- reads: benchmark_correlations
select
    model,
    method,
    preconditioner,
    level,
    benchmark_a,
    benchmark_b,
    round(pearson, 2) as pearson,
    most_influential_bin,
    round(pearson_without_it, 2) as pearson_without_it,
    most_influential_topic,
    round(pearson_without_topic, 2) as pearson_without_topic,
    round(leave_one_topic_out_min, 2) as leave_one_topic_out_min,
    round(leave_one_topic_out_max, 2) as leave_one_topic_out_max
from benchmark_correlations
order by
    model,
    method,
    level,
    abs(pearson_without_topic - pearson) desc nulls last,
    benchmark_a,
    benchmark_b
