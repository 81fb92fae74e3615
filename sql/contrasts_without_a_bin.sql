-- question: Which contrasts of topics and formats change sign when one bin or topic is left out?
-- grain: one row per model, method, contrast, level and region that does not keep its sign
-- reads: contrast_sensitivity
select
    model,
    method,
    contrast,
    level,
    region,
    n_bins,
    round(delta_z, 2) as delta_z,
    round(leave_one_bin_out_min, 2) as leave_one_bin_out_min,
    round(leave_one_bin_out_max, 2) as leave_one_bin_out_max,
    most_influential_bin,
    round(leave_one_topic_out_min, 2) as leave_one_topic_out_min,
    round(leave_one_topic_out_max, 2) as leave_one_topic_out_max,
    most_influential_topic
from contrast_sensitivity
where not is_sign_kept
order by model, method, contrast, level, abs(delta_z) desc, region
