-- On one scale, so that what the smaller subset adds to the spread by chance does not count.
select
    statistics.model,
    statistics.method,
    statistics.benchmark,
    statistics.level,
    statistics.region_id,
    max(case when statistics.item_subset = 'correct' then statistics.z * scales.scale end)
        as z_correct,
    max(case when statistics.item_subset = 'incorrect' then statistics.z * scales.scale end)
        as z_incorrect
from {{ ref('int_region_statistics') }} as statistics
inner join {{ ref('int_subset_scales') }} as scales
    on
        statistics.model = scales.model
        and statistics.method = scales.method
        and statistics.benchmark = scales.benchmark
        and statistics.item_subset = scales.item_subset
group by
    statistics.model,
    statistics.method,
    statistics.benchmark,
    statistics.level,
    statistics.region_id
