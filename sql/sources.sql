-- question: Which files was an imported study made from, on what terms, and do their z hold?
-- grain: one row per model, method and benchmark
-- reads: study_sources
select
    model,
    method,
    benchmark,
    file_name,
    left(sha256, 12) as sha256_starts,
    n_bins,
    n_documents,
    max_z_deviation,
    source,
    licence,
    citation
from study_sources
order by model, method, benchmark
