-- How far the first region of a contrast is ahead of all others, without each bin or topic.
with directions as (
    select
        'maximum' as extreme,
        1 as direction
    union all
    select
        'minimum' as extreme,
        -1 as direction
),

placed as (
    select
        statistics.model,
        statistics.method,
        statistics.contrast,
        statistics.item_subset,
        statistics.level,
        statistics.region_id,
        directions.extreme,
        directions.direction,
        row_number() over (
            partition by
                statistics.model,
                statistics.method,
                statistics.contrast,
                statistics.item_subset,
                statistics.level,
                directions.extreme
            order by directions.direction * statistics.delta_z desc, statistics.region_id
        ) as place
    from {{ ref('int_contrast_statistics') }} as statistics
    cross join directions
    where statistics.delta_z is not null
),

-- That a region is not first where it is itself left out says nothing.
without as (
    select
        left_outs.model,
        left_outs.method,
        left_outs.contrast,
        left_outs.item_subset,
        left_outs.level,
        left_outs.left_out_kind,
        left_outs.left_out_id,
        left_outs.region_id,
        firsts.extreme,
        firsts.region_id as extreme_id,
        left_outs.delta_z,
        firsts.direction * left_outs.delta_z as height
    from {{ ref('int_contrast_leave_outs') }} as left_outs
    inner join placed as firsts
        on
            left_outs.model = firsts.model
            and left_outs.method = firsts.method
            and left_outs.contrast = firsts.contrast
            and left_outs.item_subset = firsts.item_subset
            and left_outs.level = firsts.level
            and firsts.place = 1
    left join {{ ref('int_region_bins') }} as members
        on
            left_outs.level = 'bin'
            and left_outs.left_out_kind = members.level
            and left_outs.left_out_id = members.region_id
            and firsts.region_id = members.bin_id
    where
        members.bin_id is null
        and not (
            left_outs.level = left_outs.left_out_kind
            and left_outs.left_out_id = firsts.region_id
        )
),

heights as (
    select
        model,
        method,
        contrast,
        item_subset,
        level,
        extreme,
        extreme_id,
        left_out_kind,
        left_out_id,
        max(case when region_id = extreme_id then delta_z end) as delta_z,
        max(case when region_id = extreme_id then height end) as own,
        max(case when region_id != extreme_id then height end) as others,
        max(height) as highest
    from without
    group by
        model,
        method,
        contrast,
        item_subset,
        level,
        extreme,
        extreme_id,
        left_out_kind,
        left_out_id
),

-- Of regions that are level the first by number, as for `placed`.
firsts as (
    select
        without.model,
        without.method,
        without.contrast,
        without.item_subset,
        without.level,
        without.extreme,
        without.extreme_id,
        without.left_out_kind,
        without.left_out_id,
        min(without.region_id) as region_id
    from without
    inner join heights
        on
            without.model = heights.model
            and without.method = heights.method
            and without.contrast = heights.contrast
            and without.item_subset = heights.item_subset
            and without.level = heights.level
            and without.extreme = heights.extreme
            and without.extreme_id = heights.extreme_id
            and without.left_out_kind = heights.left_out_kind
            and without.left_out_id = heights.left_out_id
            and without.height = heights.highest
    group by
        without.model,
        without.method,
        without.contrast,
        without.item_subset,
        without.level,
        without.extreme,
        without.extreme_id,
        without.left_out_kind,
        without.left_out_id
)

select
    heights.model,
    heights.method,
    heights.contrast,
    heights.item_subset,
    heights.level,
    heights.extreme,
    heights.extreme_id,
    heights.left_out_kind,
    heights.left_out_id,
    heights.delta_z,
    heights.own - heights.others as lead_over_others,
    firsts.region_id as first_id
from heights
left join firsts
    on
        heights.model = firsts.model
        and heights.method = firsts.method
        and heights.contrast = firsts.contrast
        and heights.item_subset = firsts.item_subset
        and heights.level = firsts.level
        and heights.extreme = firsts.extreme
        and heights.extreme_id = firsts.extreme_id
        and heights.left_out_kind = firsts.left_out_kind
        and heights.left_out_id = firsts.left_out_id
