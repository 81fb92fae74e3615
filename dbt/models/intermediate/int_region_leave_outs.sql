-- A bin or a topic left out of the whole study: of the mean and spread that z is standardized by,
-- and of the topics and formats that it is part of. All follows from sums over z, which is
-- standardized already: another centre and scale change nothing in what is standardized anew.
with bins as (
    select
        model,
        method,
        benchmark,
        item_subset,
        bin_id,
        z
    from {{ ref('int_bin_statistics') }}
),

totals as (
    select
        model,
        method,
        benchmark,
        item_subset,
        count(z) as n,
        sum(z) as sum_z,
        sum(z * z) as sum_zz
    from bins
    group by model, method, benchmark, item_subset
),

-- One row even where a benchmark has no documents in what is left out: it then stays as it is.
left_out as (
    select
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        members.level as left_out_kind,
        members.region_id as left_out_id,
        count(bins.z) as n,
        coalesce(sum(bins.z), 0) as sum_z,
        coalesce(sum(bins.z * bins.z), 0) as sum_zz
    from bins
    inner join {{ ref('int_region_bins') }} as members on bins.bin_id = members.bin_id
    where members.level in ('bin', 'topic')
    group by
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        members.level,
        members.region_id
),

centred as (
    select
        left_out.model,
        left_out.method,
        left_out.benchmark,
        left_out.item_subset,
        left_out.left_out_kind,
        left_out.left_out_id,
        left_out.n as n_left_out,
        totals.n - left_out.n as n,
        totals.sum_zz - left_out.sum_zz as sum_zz,
        {{ ratio('totals.sum_z - left_out.sum_z', 'totals.n - left_out.n') }} as centre
    from left_out
    inner join totals
        on
            left_out.model = totals.model
            and left_out.method = totals.method
            and left_out.benchmark = totals.benchmark
            and left_out.item_subset = totals.item_subset
),

remaining as (
    select
        *,
        -- Variances of z are about 1: what is smaller than this is rounding.
        case
            when n >= 2 and (sum_zz - n * centre * centre) / (n - 1) > 1e-12
                then sqrt((sum_zz - n * centre * centre) / (n - 1))
        end as spread
    from centred
),

regions as (
    select
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        members.level,
        members.region_id,
        count(bins.z) as n,
        coalesce(sum(bins.z), 0) as sum_z
    from bins
    inner join {{ ref('int_region_bins') }} as members on bins.bin_id = members.bin_id
    -- Each bin without each bin: a million rows, spent on all items alone.
    where members.level != 'bin' or bins.item_subset = 'all'
    group by
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        members.level,
        members.region_id
),

shared as (
    select
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        outside.level as left_out_kind,
        outside.region_id as left_out_id,
        inside.level,
        inside.region_id,
        count(bins.z) as n,
        coalesce(sum(bins.z), 0) as sum_z
    from bins
    inner join {{ ref('int_region_bins') }} as outside
        on bins.bin_id = outside.bin_id and outside.level in ('bin', 'topic')
    inner join {{ ref('int_region_bins') }} as inside on bins.bin_id = inside.bin_id
    where inside.level != 'bin' or bins.item_subset = 'all'
    group by
        bins.model,
        bins.method,
        bins.benchmark,
        bins.item_subset,
        outside.level,
        outside.region_id,
        inside.level,
        inside.region_id
),

joined as (
    select
        remaining.model,
        remaining.method,
        remaining.benchmark,
        remaining.item_subset,
        remaining.left_out_kind,
        remaining.left_out_id,
        regions.level,
        regions.region_id,
        remaining.n_left_out,
        remaining.centre,
        remaining.spread,
        regions.n - coalesce(shared.n, 0) as n_bins,
        regions.sum_z - coalesce(shared.sum_z, 0) as sum_z
    from remaining
    inner join regions
        on
            remaining.model = regions.model
            and remaining.method = regions.method
            and remaining.benchmark = regions.benchmark
            and remaining.item_subset = regions.item_subset
    left join shared
        on
            remaining.model = shared.model
            and remaining.method = shared.method
            and remaining.benchmark = shared.benchmark
            and remaining.item_subset = shared.item_subset
            and remaining.left_out_kind = shared.left_out_kind
            and remaining.left_out_id = shared.left_out_id
            and regions.level = shared.level
            and regions.region_id = shared.region_id
)

select
    model,
    method,
    benchmark,
    item_subset,
    left_out_kind,
    left_out_id,
    level,
    region_id,
    n_left_out,
    n_bins,
    ({{ ratio('sum_z', 'n_bins') }} - centre) / spread as z
from joined
