-- question: Do benchmarks differ otherwise where the model answers right than where it is wrong?
-- grain: one row per model, method, contrast and topic or format, the surest first
-- reads: correctness_contrast_differences
select
    model,
    method,
    contrast,
    level,
    region,
    round(delta_z_correct, 2) as delta_z_correct,
    round(delta_z_incorrect, 2) as delta_z_incorrect,
    round(difference, 2) as difference,
    round(difference_low, 2) as difference_low,
    round(difference_high, 2) as difference_high,
    round(q_value, 4) as q_value
from correctness_contrast_differences
order by model, method, p_value asc nulls last, contrast, level, region
