-- Only methods that are in the study: what others left in the lake is not read.
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.item_subset,
    facts.level,
    facts.region_id,
    facts.n_clusters,
    facts.standard_error,
    facts.mean_low,
    facts.mean_high,
    facts.z,
    facts.z_standard_error,
    facts.z_low,
    facts.z_high,
    facts.degrees_of_freedom,
    facts.p_value,
    facts.signal_z,
    facts.signal_z_low,
    facts.signal_z_high,
    facts.support,
    facts.support_standard_error,
    facts.support_low,
    facts.support_high,
    facts.support_p_value,
    facts.enrichment,
    facts.enrichment_standard_error,
    facts.enrichment_low,
    facts.enrichment_high,
    facts.enrichment_p_value
from {{ source('lake', 'region_inference') }} as facts
inner join {{ source('lake', 'study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
