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
    round(support, 3) as support,
    round(benchmark_support, 3) as benchmark_support,
    round(support_t, 1) as support_t,
    round(support_q_value, 3) as support_q_value,
    round(z, 2) as z,
    reason
from chosen_bins
order by model, method, benchmark, influence_rank
