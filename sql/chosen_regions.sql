-- question: Which regions were chosen for unlearning, and why?
-- grain: one row per model, method, benchmark and chosen region; none in a study without unlearning
-- reads: chosen_bins
select
    model,
    method,
    benchmark,
    region_kind,
    topic,
    format,
    influence_rank,
    n_documents,
    round(z, 2) as z,
    round(shrunken_z, 2) as shrunken_z,
    round(q_value, 3) as q_value,
    reason
from chosen_bins
order by model, method, benchmark, influence_rank
