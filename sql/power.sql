-- question: How many documents per bin would it take to tell two bins apart?
-- grain: one row per model, method, benchmark and item subset
-- reads: power
select
    model,
    method,
    benchmark,
    item_subset,
    n_items,
    round(documents_per_bin, 1) as documents_per_bin,
    round(detectable_z, 2) as detectable_z,
    round(detectable_z_limit, 2) as detectable_z_limit,
    round(share_from_documents, 2) as share_from_documents,
    documents_for_half_z,
    documents_for_one_z,
    documents_for_two_z
from power
order by model, method, benchmark, item_subset
