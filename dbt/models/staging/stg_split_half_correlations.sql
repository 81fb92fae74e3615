-- Only methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.item_subset,
    facts.split_over,
    facts.level,
    facts.split,
    facts.pearson
from {{ source('lake', 'split_half_correlations') }} as facts
inner join {{ source('lake', 'study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
