-- Only pairs of methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.benchmark,
    facts.level,
    facts.method_a,
    facts.method_b,
    facts.n_regions,
    facts.n_shared_items,
    facts.n_clusters,
    facts.spearman,
    facts.fisher_standard_error,
    facts.spearman_low,
    facts.spearman_high,
    facts.signal_share_a,
    facts.signal_share_b,
    facts.n_strongest,
    facts.overlap,
    facts.overlap_low,
    facts.overlap_high,
    facts.overlap_by_chance
from {{ source('lake', 'agreement_inference') }} as facts
inner join {{ source('lake', 'study_methods') }} as first_method
    on facts.model = first_method.model and facts.method_a = first_method.method
inner join {{ source('lake', 'study_methods') }} as second_method
    on facts.model = second_method.model and facts.method_b = second_method.method
