-- question: Which topic x format bins support each benchmark most, thin bins held back?
-- grain: one row per model, method, benchmark and bin, ten by shrunken mean (z if imported)
-- reads: bin_influence
select
    model,
    method,
    benchmark,
    topic,
    format,
    n_documents,
    round(z, 2) as z,
    round(z_low, 2) as z_low,
    round(z_high, 2) as z_high,
    shrunken_mean,
    round(q_value, 4) as q_value
from bin_influence
qualify
    row_number() over (
        partition by model, method, benchmark
        order by shrunken_mean desc nulls last, z desc nulls last, bin_id
    ) <= 10
order by model, method, benchmark, shrunken_mean desc, z desc, bin_id
