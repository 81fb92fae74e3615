-- question: In which topics do benchmarks differ, at a false discovery rate of 5 %?
-- grain: one row per model, method, contrast and topic with q below 0.05
-- reads: topic_contrasts
select
    model,
    method,
    contrast,
    topic,
    round(delta_z, 2) as delta_z,
    round(delta_z_low, 2) as delta_z_low,
    round(delta_z_high, 2) as delta_z_high,
    p_value,
    q_value,
    n_documents
from topic_contrasts
where q_value < 0.05
order by model, method, contrast, q_value, topic
