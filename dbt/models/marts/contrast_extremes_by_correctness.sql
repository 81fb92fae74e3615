with severities as (
    select
        leads.*,
        left_out.region as left_out,
        others.region as other_region,
        case
            when leads.first_id is null or leads.first_id != leads.extreme_id then 1 else 0
        end as is_changed,
        row_number() over (
            partition by
                leads.model,
                leads.method,
                leads.contrast,
                leads.item_subset,
                leads.level,
                leads.extreme,
                leads.left_out_kind
            order by leads.lead_over_others asc nulls first, leads.left_out_id
        ) as severity
    from {{ ref('int_contrast_leads') }} as leads
    inner join {{ ref('int_regions') }} as left_out
        on leads.left_out_kind = left_out.level and leads.left_out_id = left_out.region_id
    left join {{ ref('int_regions') }} as others
        on leads.level = others.level and leads.first_id = others.region_id
),

summaries as (
    select
        model,
        method,
        contrast,
        item_subset,
        level,
        extreme,
        extreme_id,
        min(case when left_out_kind = 'bin' then delta_z end) as leave_one_bin_out_min,
        max(case when left_out_kind = 'bin' then delta_z end) as leave_one_bin_out_max,
        cast(sum(case when left_out_kind = 'bin' then is_changed end) as bigint)
            as n_bins_that_change_it,
        max(case when left_out_kind = 'bin' and severity = 1 then left_out end)
            as most_influential_bin,
        max(case when left_out_kind = 'bin' and severity = 1 then lead_over_others end)
            as lead_without_bin,
        max(case when left_out_kind = 'bin' and severity = 1 then other_region end)
            as region_without_bin,
        {{ distinct_texts(
            "case when left_out_kind = 'bin' and is_changed = 1 then other_region end"
        ) }} as other_regions_without_a_bin,
        cast(sum(case when left_out_kind = 'topic' then is_changed end) as bigint)
            as n_topics_that_change_it,
        max(case when left_out_kind = 'topic' and severity = 1 then left_out end)
            as most_influential_topic,
        max(case when left_out_kind = 'topic' and severity = 1 then lead_over_others end)
            as lead_without_topic,
        max(case when left_out_kind = 'topic' and severity = 1 then other_region end)
            as region_without_topic,
        {{ distinct_texts(
            "case when left_out_kind = 'topic' and is_changed = 1 then other_region end"
        ) }} as other_regions_without_a_topic
    from severities
    group by model, method, contrast, item_subset, level, extreme, extreme_id
),

runners_up as (
    select
        summaries.model,
        summaries.method,
        summaries.contrast,
        summaries.item_subset,
        summaries.level,
        summaries.extreme,
        case
            when summaries.extreme = 'maximum' then max(others.delta_z) else min(others.delta_z)
        end as delta_z
    from summaries
    inner join {{ ref('int_contrast_statistics') }} as others
        on
            summaries.model = others.model
            and summaries.method = others.method
            and summaries.contrast = others.contrast
            and summaries.item_subset = others.item_subset
            and summaries.level = others.level
            and summaries.extreme_id != others.region_id
    group by
        summaries.model,
        summaries.method,
        summaries.contrast,
        summaries.item_subset,
        summaries.level,
        summaries.extreme
)

select
    studies.study,
    summaries.model,
    summaries.method,
    summaries.contrast,
    contrasts.benchmark_a,
    contrasts.benchmark_b,
    summaries.item_subset,
    summaries.level,
    summaries.extreme,
    regions.region,
    contrasts.n_bins,
    contrasts.delta_z,
    contrasts.delta_z_simultaneous_low,
    contrasts.delta_z_simultaneous_high,
    abs(contrasts.delta_z - runners_up.delta_z) as lead_over_others,
    summaries.leave_one_bin_out_min,
    summaries.leave_one_bin_out_max,
    summaries.n_bins_that_change_it = 0 as is_kept_without_any_bin,
    summaries.n_bins_that_change_it,
    summaries.most_influential_bin,
    summaries.lead_without_bin,
    summaries.region_without_bin,
    summaries.other_regions_without_a_bin,
    summaries.n_topics_that_change_it = 0 as is_kept_without_any_topic,
    summaries.n_topics_that_change_it,
    summaries.most_influential_topic,
    summaries.lead_without_topic,
    summaries.region_without_topic,
    summaries.other_regions_without_a_topic
from summaries
cross join {{ ref('stg_studies') }} as studies
inner join {{ ref('int_regions') }} as regions
    on summaries.level = regions.level and summaries.extreme_id = regions.region_id
inner join {{ ref('int_contrast_tests') }} as contrasts
    on
        summaries.model = contrasts.model
        and summaries.method = contrasts.method
        and summaries.contrast = contrasts.contrast
        and summaries.item_subset = contrasts.item_subset
        and summaries.level = contrasts.level
        and summaries.extreme_id = contrasts.region_id
left join runners_up
    on
        summaries.model = runners_up.model
        and summaries.method = runners_up.method
        and summaries.contrast = runners_up.contrast
        and summaries.item_subset = runners_up.item_subset
        and summaries.level = runners_up.level
        and summaries.extreme = runners_up.extreme
