-- question: Which topics have a higher mean score for right answers than for wrong ones?
-- grain: one row per model, method, benchmark and topic, the five surest of each benchmark
-- reads: correctness_differences
select
    model,
    method,
    benchmark,
    region as topic,
    round(z_correct, 2) as z_correct,
    round(z_incorrect, 2) as z_incorrect,
    round(delta_z, 2) as delta_z,
    round(delta_z_low, 2) as delta_z_low,
    round(delta_z_high, 2) as delta_z_high,
    round(q_value, 4) as q_value,
    n_items_correct,
    n_items_incorrect,
    unknown_reason
from correctness_differences
where level = 'topic'
qualify
    row_number() over (
        partition by model, method, benchmark order by p_value asc nulls last, region
    ) <= 5
order by model, method, benchmark, p_value asc nulls last, region
