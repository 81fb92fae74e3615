select
    facts.method,
    facts.benchmark,
    facts.item_id,
    'all' as item_subset,
    facts.bin_id,
    facts.n_documents,
    facts.n_in_top_k,
    facts.score_sum,
    facts.score_sum_sq
from {{ source('lake', 'bin_item_scores') }} as facts
