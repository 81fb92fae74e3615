-- Reads the facts of unlearning, not its tables: a study may be retrained before it is unlearned.
with damages as (
    select facts.*
    from {{ source('lake', 'damage_inference') }} as facts
    where
        facts.measure = 'margin'
        and facts.region != 'all'
        and exists (
            select 1 from {{ source('lake', 'region_rules') }} as rules
            where facts.model = rules.model and facts.method = rules.method
        )
),

-- A region that is left out as several units was trained without once for each: one counts.
effects as (
    select
        *,
        row_number() over (partition by model, benchmark, region, outcome order by unit) as place
    from {{ ref('region_effects') }}
    where outcome = 'margin'
),

paired as (
    select
        effects.study,
        damages.model,
        damages.method,
        damages.objective,
        damages.benchmark,
        damages.condition,
        damages.region,
        damages.evaluated_benchmark,
        damages.benchmark = damages.evaluated_benchmark as is_target,
        damages.measure,
        damages.n_sets,
        effects.n_left_out,
        damages.estimate as damage,
        damages.low as damage_low,
        damages.high as damage_high,
        effects.effect,
        effects.effect_low,
        effects.effect_high,
        -- Equal values tie, in whatever order an engine adds them up.
        round(damages.estimate, 12) as rounded_damage,
        round(effects.effect, 12) as rounded_effect
    from damages
    inner join effects
        on
            damages.model = effects.model
            and damages.region = effects.region
            and damages.evaluated_benchmark = effects.benchmark
            and effects.place = 1
),

ranked as (
    select
        paired.*,
        {{ average_rank('-rounded_damage', ['model', 'method', 'objective', 'condition']) }}
            as damage_rank,
        {{ average_rank('-rounded_effect', ['model', 'method', 'objective', 'condition']) }}
            as effect_rank
    from paired
),

correlated as (
    select
        model,
        method,
        objective,
        condition,
        count(*) as n_pairs,
        count(distinct region) as n_regions,
        case
            when
                count(*) > 3
                and stddev_samp(damage_rank) > 0
                and stddev_samp(effect_rank) > 0
                then corr(damage_rank, effect_rank)
        end as spearman
    from ranked
    group by model, method, objective, condition
)

select
    ranked.study,
    ranked.model,
    ranked.method,
    ranked.objective,
    ranked.benchmark,
    ranked.condition,
    ranked.region,
    ranked.evaluated_benchmark,
    ranked.is_target,
    ranked.measure,
    ranked.n_sets,
    ranked.n_left_out,
    ranked.damage,
    ranked.damage_low,
    ranked.damage_high,
    ranked.effect,
    ranked.effect_low,
    ranked.effect_high,
    ranked.damage_rank,
    ranked.effect_rank,
    correlated.n_pairs,
    correlated.n_regions,
    correlated.spearman
from ranked
inner join correlated
    on
        ranked.model = correlated.model
        and ranked.method = correlated.method
        and ranked.objective = correlated.objective
        and ranked.condition = correlated.condition
