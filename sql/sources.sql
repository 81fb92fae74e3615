-- question: Which files was an imported study made from, on what terms, and do their z hold?
-- grain: one row per method and benchmark
-- reads: study_sources
select
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
order by method, benchmark
