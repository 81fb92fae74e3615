-- question: Which topic x format bins does each benchmark draw on most, thin bins held back?
-- grain: one row per model, method, benchmark and bin, the ten surest, of one or two documents last
-- reads: bin_influence
select
    model,
    method,
    benchmark,
    support_rank,
    topic,
    format,
    n_documents,
    round(support, 3) as support,
    round(support_low, 3) as support_low,
    round(support_high, 3) as support_high,
    round(benchmark_support, 3) as benchmark_support,
    round(support_q_value, 4) as support_q_value,
    round(z, 2) as z
from bin_influence
where z is not null
qualify
    row_number() over (
        partition by model, method, benchmark
        order by n_documents < 3, support_t desc nulls last, z desc, bin_id
    ) <= 10
order by
    model,
    method,
    benchmark,
    n_documents < 3,
    support_t desc nulls last,
    z desc,
    topic,
    format
