with errors as (
    select
        model,
        method,
        benchmark,
        item_subset,
        level,
        region_id,
        stddev_samp(deviation) as z_standard_error,
        stddev_samp(true_deviation) as true_z_standard_error
    from {{ ref('int_region_resamples') }}
    group by model, method, benchmark, item_subset, level, region_id
),

estimates as (
    select
        statistics.model,
        statistics.method,
        statistics.benchmark,
        statistics.item_subset,
        statistics.level,
        statistics.region_id,
        statistics.z,
        errors.z_standard_error,
        statistics.z / shares.signal_scale as true_z,
        errors.true_z_standard_error,
        {{ freedom('statistics.n_items', 'statistics.document_freedom') }} as degrees_of_freedom,
        statistics.z / nullif(errors.z_standard_error, 0) as z_over_error
    from {{ ref('int_region_statistics') }} as statistics
    inner join errors
        on
            statistics.model = errors.model
            and statistics.method = errors.method
            and statistics.benchmark = errors.benchmark
            and statistics.item_subset = errors.item_subset
            and statistics.level = errors.level
            and statistics.region_id = errors.region_id
    inner join {{ ref('int_signal_shares') }} as shares
        on
            statistics.model = shares.model
            and statistics.method = shares.method
            and statistics.benchmark = shares.benchmark
            and statistics.item_subset = shares.item_subset
),

tested as (
    select
        *,
        {{ t_quantile('degrees_of_freedom') }} as t_quantile,
        {{ normal_of_t('z_over_error', 'degrees_of_freedom') }} as normal_value
    from estimates
)

select
    model,
    method,
    benchmark,
    item_subset,
    level,
    region_id,
    z,
    z - t_quantile * z_standard_error as z_low,
    z + t_quantile * z_standard_error as z_high,
    z_standard_error,
    true_z,
    true_z - t_quantile * true_z_standard_error as true_z_low,
    true_z + t_quantile * true_z_standard_error as true_z_high,
    t_quantile,
    {{ two_sided_p('normal_value') }} as p_value
from tested
