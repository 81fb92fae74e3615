-- question: Where does each format stand for each benchmark, against all bins, and how sure is that?
-- grain: one row per model, method, benchmark and format with documents
-- reads: format_influence
select
    model,
    method,
    benchmark,
    z_rank,
    format,
    n_documents,
    round(z, 2) as z,
    round(z_standard_error, 2) as z_standard_error,
    round(z_low, 2) as z_low,
    round(z_high, 2) as z_high,
    round(q_value, 4) as q_value,
    round(shrunken_z, 2) as shrunken_z,
    round(enrichment, 2) as enrichment
from format_influence
where z is not null
order by model, method, benchmark, z_rank
