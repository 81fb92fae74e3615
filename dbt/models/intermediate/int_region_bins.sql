select
    regions.level,
    regions.region_id,
    bins.bin_id
from {{ ref('int_regions') }} as regions
inner join {{ source('lake', 'bin_populations') }} as bins
    on
        (regions.topic is null or regions.topic = bins.topic)
        and (regions.format is null or regions.format = bins.format)
