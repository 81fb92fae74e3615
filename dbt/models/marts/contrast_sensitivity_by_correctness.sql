with placed as (
    select
        model,
        method,
        contrast,
        benchmark_a,
        benchmark_b,
        item_subset,
        level,
        region_id,
        n_bins,
        delta_z,
        rank() over (
            partition by model, method, contrast, item_subset, level order by delta_z desc
        ) as delta_z_rank
    from {{ ref('int_contrast_statistics') }}
    where level in ('topic', 'format') and delta_z is not null
),

-- A topic that is itself left out has nothing to compare.
without as (
    select
        left_outs.*,
        placed.delta_z as delta_z_with,
        regions.region as left_out,
        rank() over (
            partition by
                left_outs.model,
                left_outs.method,
                left_outs.contrast,
                left_outs.item_subset,
                left_outs.left_out_kind,
                left_outs.left_out_id,
                left_outs.level
            order by left_outs.delta_z desc nulls last
        ) as delta_z_rank
    from {{ ref('int_contrast_leave_outs') }} as left_outs
    inner join placed
        on
            left_outs.model = placed.model
            and left_outs.method = placed.method
            and left_outs.contrast = placed.contrast
            and left_outs.item_subset = placed.item_subset
            and left_outs.level = placed.level
            and left_outs.region_id = placed.region_id
    inner join {{ ref('int_regions') }} as regions
        on left_outs.left_out_kind = regions.level and left_outs.left_out_id = regions.region_id
    where
        not (
            left_outs.level = left_outs.left_out_kind
            and left_outs.left_out_id = left_outs.region_id
        )
),

changes as (
    select
        *,
        row_number() over (
            partition by model, method, contrast, item_subset, level, region_id, left_out_kind
            order by abs(delta_z - delta_z_with) desc nulls first, left_out_id
        ) as change_rank
    from without
),

ranges as (
    select
        model,
        method,
        contrast,
        item_subset,
        level,
        region_id,
        min(case when left_out_kind = 'bin' then delta_z end) as leave_one_bin_out_min,
        max(case when left_out_kind = 'bin' then delta_z end) as leave_one_bin_out_max,
        max(case when left_out_kind = 'bin' and change_rank = 1 then left_out end)
            as most_influential_bin,
        max(case when left_out_kind = 'bin' and change_rank = 1 then delta_z end)
            as delta_z_without_bin,
        min(case when left_out_kind = 'bin' and delta_z is not null then delta_z_rank end)
            as highest_rank_without_a_bin,
        max(case when left_out_kind = 'bin' and delta_z is not null then delta_z_rank end)
            as lowest_rank_without_a_bin,
        min(case when left_out_kind = 'topic' then delta_z end) as leave_one_topic_out_min,
        max(case when left_out_kind = 'topic' then delta_z end) as leave_one_topic_out_max,
        max(case when left_out_kind = 'topic' and change_rank = 1 then left_out end)
            as most_influential_topic,
        max(case when left_out_kind = 'topic' and change_rank = 1 then delta_z end)
            as delta_z_without_topic,
        min(case when delta_z * delta_z_with > 0 then 1 else 0 end) = 1 as is_sign_kept
    from changes
    group by model, method, contrast, item_subset, level, region_id
)

select
    studies.study,
    placed.model,
    placed.method,
    placed.contrast,
    placed.benchmark_a,
    placed.benchmark_b,
    placed.item_subset,
    placed.level,
    regions.region,
    placed.n_bins,
    placed.delta_z,
    placed.delta_z_rank,
    ranges.leave_one_bin_out_min,
    ranges.leave_one_bin_out_max,
    ranges.most_influential_bin,
    ranges.delta_z_without_bin,
    ranges.highest_rank_without_a_bin,
    ranges.lowest_rank_without_a_bin,
    ranges.leave_one_topic_out_min,
    ranges.leave_one_topic_out_max,
    ranges.most_influential_topic,
    ranges.delta_z_without_topic,
    ranges.is_sign_kept
from placed
cross join {{ ref('stg_studies') }} as studies
inner join {{ ref('int_regions') }} as regions
    on placed.level = regions.level and placed.region_id = regions.region_id
left join ranges
    on
        placed.model = ranges.model
        and placed.method = ranges.method
        and placed.contrast = ranges.contrast
        and placed.item_subset = ranges.item_subset
        and placed.level = ranges.level
        and placed.region_id = ranges.region_id
