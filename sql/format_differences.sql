-- question: By how much does each contrast differ in every format, and how sure is that?
-- grain: one row per model, method, contrast and format with documents
-- reads: format_contrasts
select
    model,
    method,
    contrast,
    format,
    n_documents,
    round(delta_z, 2) as delta_z,
    round(delta_z_standard_error, 2) as delta_z_standard_error,
    round(delta_z_low, 2) as delta_z_low,
    round(delta_z_high, 2) as delta_z_high,
    round(q_value, 4) as q_value
from format_contrasts
where delta_z is not null
order by model, method, contrast, delta_z desc, format
