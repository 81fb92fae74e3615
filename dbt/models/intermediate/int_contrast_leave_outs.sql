select
    left_outs.model,
    left_outs.method,
    contrasts.contrast,
    left_outs.item_subset,
    left_outs.left_out_kind,
    left_outs.left_out_id,
    left_outs.level,
    left_outs.region_id,
    min(left_outs.n_bins) as n_bins,
    -- Without a value of one of its benchmarks a contrast has none.
    case
        when count(left_outs.z) = count(*) then sum(contrasts.coefficient * left_outs.z)
    end as delta_z
from {{ ref('int_region_leave_outs') }} as left_outs
inner join {{ ref('stg_study_contrasts') }} as contrasts
    on left_outs.benchmark = contrasts.benchmark
group by
    left_outs.model,
    left_outs.method,
    contrasts.contrast,
    left_outs.item_subset,
    left_outs.left_out_kind,
    left_outs.left_out_id,
    left_outs.level,
    left_outs.region_id
-- Empty bins cannot be left out.
having max(left_outs.n_left_out) > 0 and count(*) = max(contrasts.n_benchmarks)
