-- question: Does the largest or smallest bin, topic or format of a contrast hang on one bin?
-- grain: one row per model, method, contrast, level and extreme, what hangs on a bin first
-- reads: contrast_extremes
select
    model,
    method,
    contrast,
    level,
    extreme,
    region,
    round(delta_z, 2) as delta_z,
    round(delta_z_simultaneous_low, 2) as delta_z_simultaneous_low,
    round(delta_z_simultaneous_high, 2) as delta_z_simultaneous_high,
    round(lead_over_others, 2) as lead_over_others,
    n_bins,
    round(leave_one_bin_out_min, 2) as leave_one_bin_out_min,
    round(leave_one_bin_out_max, 2) as leave_one_bin_out_max,
    is_kept_without_any_bin,
    n_bins_that_change_it,
    most_influential_bin,
    round(lead_without_bin, 2) as lead_without_bin,
    other_regions_without_a_bin,
    is_kept_without_any_topic
from contrast_extremes
order by model, method, is_kept_without_any_bin, contrast, level, extreme
