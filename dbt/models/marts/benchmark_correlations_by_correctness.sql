-- What moves a correlation most when it is left out: one region of its level, or one topic.
with left_outs as (
    select
        without.model,
        without.method,
        without.item_subset,
        without.level,
        without.benchmark_a,
        without.benchmark_b,
        'region' as left_out_kind,
        without.region_id as left_out_id,
        regions.region as left_out,
        without.pearson
    from {{ ref('int_correlation_leave_one_out') }} as without
    inner join {{ ref('int_regions') }} as regions
        on without.level = regions.level and without.region_id = regions.region_id
    union all
    select
        without.model,
        without.method,
        without.item_subset,
        without.level,
        without.benchmark_a,
        without.benchmark_b,
        'topic' as left_out_kind,
        without.topic_id as left_out_id,
        regions.region as left_out,
        without.pearson
    from {{ ref('int_correlation_leave_one_topic_out') }} as without
    inner join {{ ref('int_regions') }} as regions
        on regions.level = 'topic' and without.topic_id = regions.region_id
),

changes as (
    select
        left_outs.*,
        row_number() over (
            partition by
                left_outs.model,
                left_outs.method,
                left_outs.item_subset,
                left_outs.level,
                left_outs.benchmark_a,
                left_outs.benchmark_b,
                left_outs.left_out_kind
            order by
                abs(left_outs.pearson - correlations.pearson) desc nulls last,
                left_outs.left_out_id
        ) as change_rank
    from left_outs
    inner join {{ ref('int_correlations') }} as correlations
        on
            left_outs.model = correlations.model
            and left_outs.method = correlations.method
            and left_outs.item_subset = correlations.item_subset
            and left_outs.level = correlations.level
            and left_outs.benchmark_a = correlations.benchmark_a
            and left_outs.benchmark_b = correlations.benchmark_b
),

extremes as (
    select
        model,
        method,
        item_subset,
        level,
        benchmark_a,
        benchmark_b,
        left_out_kind,
        min(pearson) as lowest,
        max(pearson) as highest,
        max(case when change_rank = 1 and pearson is not null then left_out end)
            as most_influential,
        max(case when change_rank = 1 then pearson end) as pearson_without_it
    from changes
    group by model, method, item_subset, level, benchmark_a, benchmark_b, left_out_kind
)

select
    studies.study,
    correlations.model,
    correlations.method,
    methods.preconditioner,
    correlations.item_subset,
    correlations.level,
    correlations.benchmark_a,
    correlations.benchmark_b,
    correlations.n_regions,
    correlations.pearson,
    correlations.spearman,
    intervals.pearson_low,
    intervals.pearson_high,
    intervals.signal_share_a,
    intervals.signal_share_b,
    intervals.true_pearson,
    intervals.true_pearson_low,
    intervals.true_pearson_high,
    regions.lowest as leave_one_out_min,
    regions.highest as leave_one_out_max,
    regions.most_influential as most_influential_bin,
    regions.pearson_without_it,
    topics.lowest as leave_one_topic_out_min,
    topics.highest as leave_one_topic_out_max,
    topics.most_influential as most_influential_topic,
    topics.pearson_without_it as pearson_without_topic
from {{ ref('int_correlations') }} as correlations
cross join {{ ref('stg_studies') }} as studies
left join {{ source('lake', 'study_methods') }} as methods
    on correlations.model = methods.model and correlations.method = methods.method
left join {{ source('lake', 'correlation_inference') }} as intervals
    on
        correlations.model = intervals.model
        and correlations.method = intervals.method
        and correlations.item_subset = intervals.item_subset
        and correlations.level = intervals.level
        and correlations.benchmark_a = intervals.benchmark_a
        and correlations.benchmark_b = intervals.benchmark_b
left join extremes as regions
    on
        correlations.model = regions.model
        and correlations.method = regions.method
        and correlations.item_subset = regions.item_subset
        and correlations.level = regions.level
        and correlations.benchmark_a = regions.benchmark_a
        and correlations.benchmark_b = regions.benchmark_b
        and regions.left_out_kind = 'region'
left join extremes as topics
    on
        correlations.model = topics.model
        and correlations.method = topics.method
        and correlations.item_subset = topics.item_subset
        and correlations.level = topics.level
        and correlations.benchmark_a = topics.benchmark_a
        and correlations.benchmark_b = topics.benchmark_b
        and topics.left_out_kind = 'topic'
