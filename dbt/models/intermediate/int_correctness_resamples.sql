select
    correct.model,
    correct.method,
    correct.benchmark,
    correct.level,
    correct.region_id,
    correct.resample,
    correct.deviation * correct_scales.scale
    - incorrect.deviation * incorrect_scales.scale as delta_z
from {{ ref('int_region_resamples') }} as correct
inner join {{ ref('int_region_resamples') }} as incorrect
    on
        correct.model = incorrect.model
        and correct.method = incorrect.method
        and correct.benchmark = incorrect.benchmark
        and correct.level = incorrect.level
        and correct.region_id = incorrect.region_id
        and correct.resample = incorrect.resample
inner join {{ ref('int_subset_scales') }} as correct_scales
    on
        correct.model = correct_scales.model
        and correct.method = correct_scales.method
        and correct.benchmark = correct_scales.benchmark
        and correct.item_subset = correct_scales.item_subset
inner join {{ ref('int_subset_scales') }} as incorrect_scales
    on
        incorrect.model = incorrect_scales.model
        and incorrect.method = incorrect_scales.method
        and incorrect.benchmark = incorrect_scales.benchmark
        and incorrect.item_subset = incorrect_scales.item_subset
where correct.item_subset = 'correct' and incorrect.item_subset = 'incorrect'
