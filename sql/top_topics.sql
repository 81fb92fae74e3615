-- question: Which topics does each benchmark draw on most, and how sure is that?
-- grain: one row per model, method, benchmark and topic, the five surest of each benchmark
-- reads: topic_influence
select
    model,
    method,
    benchmark,
    support_rank,
    topic,
    round(support, 3) as support,
    round(support_low, 3) as support_low,
    round(support_high, 3) as support_high,
    round(benchmark_support, 3) as benchmark_support,
    round(support_q_value, 4) as support_q_value,
    round(enrichment, 2) as enrichment,
    round(z, 2) as z,
    n_documents
from topic_influence
where z is not null
qualify
    row_number() over (
        partition by model, method, benchmark
        order by support_t desc nulls last, z desc, topic
    ) <= 5
order by model, method, benchmark, support_t desc nulls last, z desc, topic
