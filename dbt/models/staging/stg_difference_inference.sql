-- Only pairs of methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.benchmark,
    facts.level,
    facts.method_a,
    facts.method_b,
    facts.region_id,
    facts.n_shared_items,
    facts.n_clusters,
    facts.standardized_a,
    facts.standardized_b,
    facts.difference,
    facts.standard_error,
    facts.low,
    facts.high,
    facts.simultaneous_low,
    facts.simultaneous_high,
    facts.degrees_of_freedom,
    facts.p_value
from {{ source('lake', 'difference_inference') }} as facts
inner join {{ source('lake', 'study_methods') }} as first_method
    on facts.model = first_method.model and facts.method_a = first_method.method
inner join {{ source('lake', 'study_methods') }} as second_method
    on facts.model = second_method.model and facts.method_b = second_method.method
