-- question: Which topics have the smallest mean score for each benchmark?
-- grain: one row per model, method, benchmark and topic, the five weakest of each benchmark
-- reads: topic_influence
select
    model,
    method,
    benchmark,
    topic,
    round(z, 2) as z,
    round(z_low, 2) as z_low,
    round(z_high, 2) as z_high,
    round(q_value, 4) as q_value,
    round(enrichment, 2) as enrichment,
    is_z_doubtful,
    n_documents
from topic_influence
where z is not null
qualify
    row_number() over (partition by model, method, benchmark order by z, topic) <= 5
order by model, method, benchmark, z, topic
