{{ config(meta={'dagster': {'ref': {'name': 'topic_influence_by_correctness'}}}) }}
-- Intervals and tests are computed beside the tables, not from them: the values that they are of
-- must be those published here.
with compared as (
    select
        'z' as value,
        inference.z as estimate,
        statistics.z as published
    from {{ source('lake', 'region_inference') }} as inference
    inner join {{ ref('int_region_statistics') }} as statistics
        on
            inference.model = statistics.model
            and inference.method = statistics.method
            and inference.benchmark = statistics.benchmark
            and inference.item_subset = statistics.item_subset
            and inference.level = statistics.level
            and inference.region_id = statistics.region_id
    union all
    select
        'delta_z' as value,
        inference.delta_z as estimate,
        statistics.delta_z as published
    from {{ source('lake', 'contrast_inference') }} as inference
    inner join {{ ref('int_contrast_statistics') }} as statistics
        on
            inference.model = statistics.model
            and inference.method = statistics.method
            and inference.contrast = statistics.contrast
            and inference.item_subset = statistics.item_subset
            and inference.level = statistics.level
            and inference.region_id = statistics.region_id
    union all
    select
        'pearson' as value,
        inference.pearson as estimate,
        correlations.pearson as published
    from {{ source('lake', 'correlation_inference') }} as inference
    inner join {{ ref('int_correlations') }} as correlations
        on
            inference.model = correlations.model
            and inference.method = correlations.method
            and inference.item_subset = correlations.item_subset
            and inference.level = correlations.level
            and inference.benchmark_a = correlations.benchmark_a
            and inference.benchmark_b = correlations.benchmark_b
    union all
    select
        'z_correct - z_incorrect' as value,
        inference.delta_z as estimate,
        differences.delta_z as published
    from {{ source('lake', 'correctness_inference') }} as inference
    inner join {{ ref('int_correctness_differences') }} as differences
        on
            inference.model = differences.model
            and inference.method = differences.method
            and inference.benchmark = differences.benchmark
            and inference.level = differences.level
            and inference.region_id = differences.region_id
    union all
    select
        'delta_z_correct - delta_z_incorrect' as value,
        inference.difference as estimate,
        contrasts.difference as published
    from {{ source('lake', 'correctness_contrast_inference') }} as inference
    inner join {{ ref('int_correctness_contrasts') }} as contrasts
        on
            inference.model = contrasts.model
            and inference.method = contrasts.method
            and inference.contrast = contrasts.contrast
            and inference.level = contrasts.level
            and inference.region_id = contrasts.region_id
)

select *
from compared
where
    abs(estimate - published) > 1e-9
    or (estimate is null) != (published is null)
