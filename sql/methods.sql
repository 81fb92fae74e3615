-- question: Which methods does the study have, what did each cost, and what is it made of?
-- grain: one row per model and method
-- reads: methods
select
    model,
    method,
    kind,
    unit,
    preconditioner,
    round(seconds, 1) as seconds,
    round(core_seconds, 1) as core_seconds,
    round(documents_per_second, 1) as documents_per_second,
    round(n_bytes / 1e6, 1) as megabytes,
    cost_unknown_reason,
    settings
from methods
order by model, position
