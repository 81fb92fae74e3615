select
    studies.study,
    contrasts.model,
    contrasts.method,
    contrasts.contrast,
    contrasts.benchmark_a,
    contrasts.benchmark_b,
    contrasts.item_subset,
    regions.format,
    contrasts.n_bins,
    contrasts.n_documents,
    contrasts.population_documents,
    contrasts.n_items,
    contrasts.delta_z,
    contrasts.delta_z_low,
    contrasts.delta_z_high,
    contrasts.delta_z_standard_error,
    contrasts.signal_delta_z,
    contrasts.signal_delta_z_low,
    contrasts.signal_delta_z_high,
    contrasts.delta_z_document_weighted,
    contrasts.delta_z_population_weighted,
    contrasts.p_value,
    contrasts.q_value
from {{ ref('int_contrast_tests') }} as contrasts
inner join {{ ref('int_regions') }} as regions
    on contrasts.level = regions.level and contrasts.region_id = regions.region_id
cross join {{ ref('stg_studies') }} as studies
where contrasts.level = 'format'
