-- question: Which formats support each benchmark most and least?
-- grain: one row per model, method, benchmark and format, the three first and three last of each
-- reads: format_influence
select
    model,
    method,
    benchmark,
    format,
    round(z, 2) as z,
    round(z_low, 2) as z_low,
    round(z_high, 2) as z_high,
    round(q_value, 4) as q_value,
    n_documents
from format_influence
where z is not null
qualify
    z_rank <= 3
    or row_number() over (partition by model, method, benchmark order by z_rank desc) <= 3
order by model, method, benchmark, z_rank
