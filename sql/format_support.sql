-- question: Where does what speaks for each benchmark stand, by format, and how sure is that?
-- grain: one row per model, method, benchmark and format with documents, surest first
-- reads: format_influence
select
    model,
    method,
    benchmark,
    support_rank,
    format,
    n_documents,
    round(support, 3) as support,
    round(support_low, 3) as support_low,
    round(support_high, 3) as support_high,
    round(benchmark_support, 3) as benchmark_support,
    round(support_q_value, 4) as support_q_value,
    unit,
    round(enrichment, 2) as enrichment,
    round(z, 2) as z,
    is_z_doubtful
from format_influence
where z is not null
order by model, method, benchmark, support_t desc nulls last, z desc, format
