-- Reads the truth of a planted world, as planted_recovery does: it grades, nothing chooses by it.
with bin_means as (
    select
        model,
        method,
        benchmark,
        bin_id,
        sum(score_sum) / count(distinct item_id) as score_sum
    from {{ ref('stg_bin_item_scores') }}
    where item_subset = 'all'
    group by model, method, benchmark, bin_id
),

regions as (
    select distinct
        model,
        unit,
        region,
        topic,
        format
    from {{ ref('region_effects') }}
),

influences as (
    select
        regions.model,
        regions.unit,
        regions.region,
        bin_means.method,
        bin_means.benchmark,
        sum(bin_means.score_sum) as influence_sum
    from regions
    inner join {{ source('lake', 'bin_populations') }} as bins
        on
            (regions.topic is null or regions.topic = bins.topic)
            and (regions.format is null or regions.format = bins.format)
    inner join bin_means
        on regions.model = bin_means.model and bins.bin_id = bin_means.bin_id
    group by
        regions.model, regions.unit, regions.region, bin_means.method, bin_means.benchmark
),

planted as (
    select distinct
        regions.unit,
        regions.region,
        truth.benchmark
    from regions
    inner join {{ source('lake', 'planted_truth') }} as truth
        on
            (regions.topic is null or regions.topic = truth.topic)
            and (regions.format is null or regions.format = truth.format)
),

has_truth as (
    select count(*) as n_planted
    from planted
),

paired as (
    select
        effects.study,
        effects.model,
        influences.method,
        effects.benchmark,
        effects.unit,
        effects.region,
        effects.topic,
        effects.format,
        effects.outcome,
        effects.role,
        case
            when has_truth.n_planted > 0 then planted.region is not null
        end as is_planted,
        effects.n_left_out,
        influences.influence_sum,
        effects.effect,
        effects.effect_low,
        effects.effect_high,
        effects.q_value
    from {{ ref('region_effects') }} as effects
    inner join influences
        on
            effects.model = influences.model
            and effects.unit = influences.unit
            and effects.region = influences.region
            and effects.benchmark = influences.benchmark
    cross join has_truth
    left join planted
        on
            effects.unit = planted.unit
            and effects.region = planted.region
            and effects.benchmark = planted.benchmark
),

scaled as (
    select
        paired.*,
        -- Least squares through the origin: nats for a unit of influence.
        {{ ratio(
            "sum(influence_sum * effect) over (partition by model, method, benchmark, unit, "
            ~ "outcome)",
            "sum(influence_sum * influence_sum) over (partition by model, method, benchmark, "
            ~ "unit, outcome)"
        ) }} as scale
    from paired
)

select
    study,
    model,
    method,
    benchmark,
    unit,
    region,
    topic,
    format,
    outcome,
    role,
    is_planted,
    n_left_out,
    influence_sum,
    effect,
    effect_low,
    effect_high,
    q_value,
    scale,
    scale * influence_sum as predicted_effect,
    effect - scale * influence_sum as residual,
    {{ average_rank('-influence_sum', ['model', 'method', 'benchmark', 'unit', 'outcome']) }}
        as influence_rank,
    {{ average_rank('-effect', ['model', 'method', 'benchmark', 'unit', 'outcome']) }}
        as effect_rank,
    count(*) over (partition by model, method, benchmark, unit, outcome) as n_regions
from scaled
