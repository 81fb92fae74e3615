-- A bin is the mean of itself, so one query serves bins, topics and formats.
select
    bins.model,
    bins.method,
    bins.benchmark,
    bins.item_subset,
    members.level,
    members.region_id,
    max(bins.n_items) as n_items,
    count(bins.mean) as n_bins,
    cast(sum(bins.n_documents) as bigint) as n_documents,
    cast(sum(bins.population_documents) as bigint) as population_documents,
    sum(bins.score_sum) as score_sum,
    {{ ratio(
        'sum(bins.score_sum)',
        'sum(case when bins.mean is not null then bins.n_documents end)'
    ) }} as mean,
    {{ ratio(
        'sum(bins.support * bins.n_documents)',
        'sum(case when bins.support is not null then bins.n_documents end)'
    ) }} as support,
    max(bins.benchmark_support) as benchmark_support,
    avg(bins.z) as z,
    {{ ratio(
        'sum(bins.z * bins.n_documents)',
        'sum(case when bins.z is not null then bins.n_documents end)'
    ) }} as z_document_weighted,
    {{ ratio(
        'sum(bins.z * bins.population_documents)',
        'sum(case when bins.z is not null then bins.population_documents end)'
    ) }} as z_population_weighted,
    sum(bins.top_share) as top_share,
    sum(bins.document_share) as document_share,
    {{ ratio('sum(bins.top_share)', 'sum(bins.document_share)') }} as enrichment
from {{ ref('int_bin_statistics') }} as bins
inner join {{ ref('int_region_bins') }} as members on bins.bin_id = members.bin_id
group by bins.model, bins.method, bins.benchmark, bins.item_subset, members.level, members.region_id
