select
    studies.study,
    differences.model,
    differences.method,
    differences.contrast,
    differences.benchmark_a,
    differences.benchmark_b,
    differences.level,
    regions.region,
    regions.topic,
    regions.format,
    differences.delta_z_correct,
    differences.delta_z_incorrect,
    differences.difference,
    differences.difference_low,
    differences.difference_high,
    differences.difference_standard_error,
    differences.p_value,
    differences.q_value
from {{ ref('int_correctness_contrasts') }} as differences
inner join {{ ref('int_regions') }} as regions
    on differences.level = regions.level and differences.region_id = regions.region_id
cross join {{ ref('stg_studies') }} as studies
