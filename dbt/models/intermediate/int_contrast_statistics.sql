select
    statistics.model,
    statistics.method,
    contrasts.contrast,
    contrasts.benchmark_a,
    contrasts.benchmark_b,
    statistics.item_subset,
    statistics.level,
    statistics.region_id,
    min(statistics.n_items) as n_items,
    max(statistics.n_bins) as n_bins,
    max(statistics.n_documents) as n_documents,
    max(statistics.population_documents) as population_documents,
    sum(contrasts.coefficient * statistics.z) as delta_z,
    sum(contrasts.coefficient * statistics.z_document_weighted) as delta_z_document_weighted,
    sum(contrasts.coefficient * statistics.z_population_weighted) as delta_z_population_weighted
from {{ ref('int_region_statistics') }} as statistics
inner join {{ ref('stg_study_contrasts') }} as contrasts
    on statistics.benchmark = contrasts.benchmark
group by
    statistics.model,
    statistics.method,
    contrasts.contrast,
    contrasts.benchmark_a,
    contrasts.benchmark_b,
    statistics.item_subset,
    statistics.level,
    statistics.region_id
-- A subset of items that one of the benchmarks lacks has no contrast.
having count(*) = max(contrasts.n_benchmarks)
