-- The region whose difference is largest for its error. It was picked for its difference, so its
-- interval is one that holds for all regions of the level at once.
with differences as (
    select
        *,
        -- What does not vary, as a method beside its own copy, has no error.
        abs(difference) / nullif(standard_error, 0) as size,
        case
            when simultaneous_low > 0 or simultaneous_high < 0 then 1
            when simultaneous_low is not null then 0
        end as is_told
    from {{ ref('stg_difference_inference') }}
),

ranked as (
    select
        *,
        count(*) over (partition by model, benchmark, level, method_a, method_b) as n_regions,
        sum(is_told) over (
            partition by model, benchmark, level, method_a, method_b
        ) as n_told_apart,
        row_number() over (
            partition by model, benchmark, level, method_a, method_b
            order by size desc nulls last, abs(difference) desc, region_id
        ) as place
    from differences
),

supports as (
    select
        model,
        method,
        benchmark,
        'bin' as level,
        topic,
        format,
        support,
        support_low,
        support_high,
        support_rank
    from {{ ref('bin_influence') }}
    union all
    select
        model,
        method,
        benchmark,
        'topic' as level,
        topic,
        cast(null as varchar) as format,
        support,
        support_low,
        support_high,
        support_rank
    from {{ ref('topic_influence') }}
    union all
    select
        model,
        method,
        benchmark,
        'format' as level,
        cast(null as varchar) as topic,
        format,
        support,
        support_low,
        support_high,
        support_rank
    from {{ ref('format_influence') }}
)

select
    studies.study,
    ranked.model,
    ranked.benchmark,
    ranked.level,
    ranked.method_a,
    ranked.method_b,
    ranked.n_regions,
    ranked.n_shared_items,
    ranked.n_clusters,
    {{ unit_of_pairs('ranked') }} as unit,
    regions.region,
    regions.topic,
    regions.format,
    first_method.support as support_a,
    first_method.support_low as support_a_low,
    first_method.support_high as support_a_high,
    first_method.support_rank as support_rank_a,
    second_method.support as support_b,
    second_method.support_low as support_b_low,
    second_method.support_high as support_b_high,
    second_method.support_rank as support_rank_b,
    ranked.standardized_a,
    ranked.standardized_b,
    ranked.difference,
    ranked.simultaneous_low as difference_low,
    ranked.simultaneous_high as difference_high,
    ranked.is_told = 1 as is_told_apart,
    cast(ranked.n_told_apart as bigint) as n_told_apart,
    case
        when ranked.is_told is null then 'nothing varies'
        when ranked.is_told = 0 then 'not told apart in any ' || ranked.level
        when ranked.difference > 0 then ranked.method_a || ' gives it more'
        else ranked.method_b || ' gives it more'
    end as finding
from ranked
inner join {{ ref('int_regions') }} as regions
    on ranked.level = regions.level and ranked.region_id = regions.region_id
cross join {{ ref('stg_studies') }} as studies
left join supports as first_method
    on
        ranked.model = first_method.model
        and ranked.method_a = first_method.method
        and ranked.benchmark = first_method.benchmark
        and ranked.level = first_method.level
        and regions.topic is not distinct from first_method.topic
        and regions.format is not distinct from first_method.format
left join supports as second_method
    on
        ranked.model = second_method.model
        and ranked.method_b = second_method.method
        and ranked.benchmark = second_method.benchmark
        and ranked.level = second_method.level
        and regions.topic is not distinct from second_method.topic
        and regions.format is not distinct from second_method.format
where ranked.place = 1
