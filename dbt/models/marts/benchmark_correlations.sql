with changes as (
    select
        without.*,
        regions.region,
        row_number() over (
            partition by
                without.method,
                without.item_subset,
                without.level,
                without.benchmark_a,
                without.benchmark_b
            order by abs(without.pearson - correlations.pearson) desc, without.region_id
        ) as change_rank
    from {{ ref('int_correlation_leave_one_out') }} as without
    inner join {{ ref('int_correlations') }} as correlations
        on
            without.method = correlations.method
            and without.item_subset = correlations.item_subset
            and without.level = correlations.level
            and without.benchmark_a = correlations.benchmark_a
            and without.benchmark_b = correlations.benchmark_b
    inner join {{ ref('int_regions') }} as regions
        on without.level = regions.level and without.region_id = regions.region_id
),

extremes as (
    select
        method,
        item_subset,
        level,
        benchmark_a,
        benchmark_b,
        min(pearson) as leave_one_out_min,
        max(pearson) as leave_one_out_max,
        max(case when change_rank = 1 then region end) as most_influential_bin,
        max(case when change_rank = 1 then pearson end) as pearson_without_it
    from changes
    group by method, item_subset, level, benchmark_a, benchmark_b
),

topic_changes as (
    select
        without.*,
        regions.topic,
        row_number() over (
            partition by
                without.method,
                without.item_subset,
                without.level,
                without.benchmark_a,
                without.benchmark_b
            order by abs(without.pearson - correlations.pearson) desc nulls last, without.topic_id
        ) as change_rank
    from {{ ref('int_correlation_leave_one_topic_out') }} as without
    inner join {{ ref('int_correlations') }} as correlations
        on
            without.method = correlations.method
            and without.item_subset = correlations.item_subset
            and without.level = correlations.level
            and without.benchmark_a = correlations.benchmark_a
            and without.benchmark_b = correlations.benchmark_b
    inner join {{ ref('int_regions') }} as regions
        on regions.level = 'topic' and without.topic_id = regions.region_id
),

topic_extremes as (
    select
        method,
        item_subset,
        level,
        benchmark_a,
        benchmark_b,
        min(pearson) as leave_one_topic_out_min,
        max(pearson) as leave_one_topic_out_max,
        max(case when change_rank = 1 and pearson is not null then topic end)
            as most_influential_topic,
        max(case when change_rank = 1 then pearson end) as pearson_without_topic
    from topic_changes
    group by method, item_subset, level, benchmark_a, benchmark_b
)

select
    studies.study,
    correlations.method,
    correlations.item_subset,
    correlations.level,
    correlations.benchmark_a,
    correlations.benchmark_b,
    correlations.n_regions,
    correlations.pearson,
    correlations.spearman,
    intervals.pearson_low,
    intervals.pearson_high,
    intervals.pearson_resample_mean - correlations.pearson as pearson_bias,
    extremes.leave_one_out_min,
    extremes.leave_one_out_max,
    extremes.most_influential_bin,
    extremes.pearson_without_it,
    topic_extremes.leave_one_topic_out_min,
    topic_extremes.leave_one_topic_out_max,
    topic_extremes.most_influential_topic,
    topic_extremes.pearson_without_topic
from {{ ref('int_correlations') }} as correlations
cross join {{ ref('stg_studies') }} as studies
left join {{ ref('int_correlation_intervals') }} as intervals
    on
        correlations.method = intervals.method
        and correlations.item_subset = intervals.item_subset
        and correlations.level = intervals.level
        and correlations.benchmark_a = intervals.benchmark_a
        and correlations.benchmark_b = intervals.benchmark_b
left join extremes
    on
        correlations.method = extremes.method
        and correlations.item_subset = extremes.item_subset
        and correlations.level = extremes.level
        and correlations.benchmark_a = extremes.benchmark_a
        and correlations.benchmark_b = extremes.benchmark_b
left join topic_extremes
    on
        correlations.method = topic_extremes.method
        and correlations.item_subset = topic_extremes.item_subset
        and correlations.level = topic_extremes.level
        and correlations.benchmark_a = topic_extremes.benchmark_a
        and correlations.benchmark_b = topic_extremes.benchmark_b
