select
    model,
    method,
    benchmark,
    item_subset,
    'bin' as level,
    bin_id as region_id,
    resample,
    deviation,
    true_deviation
from {{ ref('int_bin_resamples') }}
union all
select
    resamples.model,
    resamples.method,
    resamples.benchmark,
    resamples.item_subset,
    members.level,
    members.region_id,
    resamples.resample,
    avg(resamples.deviation) as deviation,
    avg(resamples.true_deviation) as true_deviation
from {{ ref('int_bin_resamples') }} as resamples
inner join {{ ref('int_region_bins') }} as members
    on resamples.bin_id = members.bin_id and members.level != 'bin'
group by
    resamples.model,
    resamples.method,
    resamples.benchmark,
    resamples.item_subset,
    members.level,
    members.region_id,
    resamples.resample
