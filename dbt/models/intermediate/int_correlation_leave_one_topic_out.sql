-- At level bin the bins of a topic are left out; at level format the formats' means lack them;
-- at level topic this is leaving out one region. Pearson's r does not see how z is standardized.
with leave_out_pairs as (
    {{ benchmark_pairs(
        ref('int_region_leave_outs'),
        ['model', 'method', 'item_subset', 'left_out_kind', 'left_out_id', 'level', 'region_id']
    ) }}
),

without as (
    select
        pairs.model,
        pairs.method,
        pairs.item_subset,
        pairs.level,
        pairs.benchmark_a,
        pairs.benchmark_b,
        topics.region_id as topic_id,
        pairs.z_a,
        pairs.z_b
    from {{ ref('int_benchmark_pairs') }} as pairs
    inner join {{ ref('int_regions') }} as bins
        on pairs.level = bins.level and pairs.region_id = bins.region_id
    inner join {{ ref('int_regions') }} as topics
        on topics.level = 'topic' and bins.topic != topics.topic
    where pairs.level in ('bin', 'topic')
    union all
    select
        model,
        method,
        item_subset,
        level,
        benchmark_a,
        benchmark_b,
        left_out_id as topic_id,
        z_a,
        z_b
    from leave_out_pairs
    where left_out_kind = 'topic' and level = 'format'
),

-- Topics without documents cannot be left out.
filled as (
    select distinct
        model,
        method,
        item_subset,
        benchmark_a,
        benchmark_b,
        region_id as topic_id
    from {{ ref('int_benchmark_pairs') }}
    where level = 'topic'
)

select
    without.model,
    without.method,
    without.item_subset,
    without.level,
    without.benchmark_a,
    without.benchmark_b,
    without.topic_id,
    case
        when
            count(*) >= 3
            and min(without.z_a) < max(without.z_a)
            and min(without.z_b) < max(without.z_b)
            then corr(without.z_a, without.z_b)
    end as pearson
from without
inner join filled
    on
        without.model = filled.model
        and without.method = filled.method
        and without.item_subset = filled.item_subset
        and without.benchmark_a = filled.benchmark_a
        and without.benchmark_b = filled.benchmark_b
        and without.topic_id = filled.topic_id
group by
    without.model,
    without.method,
    without.item_subset,
    without.level,
    without.benchmark_a,
    without.benchmark_b,
    without.topic_id
