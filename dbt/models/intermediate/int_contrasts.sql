with resamples as (
    select
        draws.model,
        draws.method,
        contrasts.contrast,
        draws.item_subset,
        draws.level,
        draws.region_id,
        draws.resample,
        sum(contrasts.coefficient * draws.deviation) as deviation,
        -- Without a scale of one of its benchmarks a contrast has none.
        case
            when count(draws.true_deviation) = count(*)
                then sum(contrasts.coefficient * draws.true_deviation)
        end as true_deviation
    from {{ ref('int_region_resamples') }} as draws
    inner join {{ ref('stg_study_contrasts') }} as contrasts
        on draws.benchmark = contrasts.benchmark
    group by
        draws.model,
        draws.method,
        contrasts.contrast,
        draws.item_subset,
        draws.level,
        draws.region_id,
        draws.resample
    having count(*) = max(contrasts.n_benchmarks)
),

errors as (
    select
        model,
        method,
        contrast,
        item_subset,
        level,
        region_id,
        stddev_samp(deviation) as delta_z_standard_error,
        stddev_samp(true_deviation) as true_delta_z_standard_error
    from resamples
    group by model, method, contrast, item_subset, level, region_id
),

true_values as (
    select
        intervals.model,
        intervals.method,
        contrasts.contrast,
        intervals.item_subset,
        intervals.level,
        intervals.region_id,
        case
            when count(intervals.true_z) = count(*)
                then sum(contrasts.coefficient * intervals.true_z)
        end as true_delta_z
    from {{ ref('int_region_intervals') }} as intervals
    inner join {{ ref('stg_study_contrasts') }} as contrasts
        on intervals.benchmark = contrasts.benchmark
    group by
        intervals.model,
        intervals.method,
        contrasts.contrast,
        intervals.item_subset,
        intervals.level,
        intervals.region_id
),

estimates as (
    select
        statistics.*,
        errors.delta_z_standard_error,
        true_values.true_delta_z,
        errors.true_delta_z_standard_error,
        {{ freedom('statistics.n_items', 'statistics.document_freedom') }} as degrees_of_freedom,
        statistics.delta_z / nullif(errors.delta_z_standard_error, 0) as delta_z_over_error
    from {{ ref('int_contrast_statistics') }} as statistics
    left join errors
        on
            statistics.model = errors.model
            and statistics.method = errors.method
            and statistics.contrast = errors.contrast
            and statistics.item_subset = errors.item_subset
            and statistics.level = errors.level
            and statistics.region_id = errors.region_id
    left join true_values
        on
            statistics.model = true_values.model
            and statistics.method = true_values.method
            and statistics.contrast = true_values.contrast
            and statistics.item_subset = true_values.item_subset
            and statistics.level = true_values.level
            and statistics.region_id = true_values.region_id
),

tested as (
    select
        *,
        {{ t_quantile('degrees_of_freedom') }} as t_quantile,
        {{ normal_of_t('delta_z_over_error', 'degrees_of_freedom') }} as normal_value
    from estimates
)

select
    model,
    method,
    contrast,
    benchmark_a,
    benchmark_b,
    item_subset,
    level,
    region_id,
    n_items,
    n_bins,
    n_documents,
    population_documents,
    delta_z,
    delta_z_document_weighted,
    delta_z_population_weighted,
    delta_z - t_quantile * delta_z_standard_error as delta_z_low,
    delta_z + t_quantile * delta_z_standard_error as delta_z_high,
    delta_z_standard_error,
    true_delta_z,
    true_delta_z - t_quantile * true_delta_z_standard_error as true_delta_z_low,
    true_delta_z + t_quantile * true_delta_z_standard_error as true_delta_z_high,
    {{ two_sided_p('normal_value') }} as p_value
from tested
