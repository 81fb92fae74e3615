-- question: Which topics support each benchmark most, and how sure is that?
-- grain: one row per model, method, benchmark and topic, the five strongest of each benchmark
-- reads: topic_influence
select
    model,
    method,
    benchmark,
    z_rank,
    topic,
    round(z, 2) as z,
    round(z_low, 2) as z_low,
    round(z_high, 2) as z_high,
    round(q_value, 4) as q_value,
    round(enrichment, 2) as enrichment,
    n_documents
from topic_influence
where z_rank <= 5
order by model, method, benchmark, z_rank
