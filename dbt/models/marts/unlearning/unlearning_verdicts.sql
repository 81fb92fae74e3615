-- The claim: forgetting what was ranked first hurts the benchmark more than forgetting at random
-- does, in the region and anywhere, and more than it hurts the other benchmarks.
with damage as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        region,
        evaluated_benchmark,
        is_target,
        measure,
        n_runs,
        1 as n_regions,
        damage,
        damage_low,
        damage_high,
        share_kept
    from {{ ref('unlearning_cells') }}
    where condition = 'influence_in_topic'
    union all
    select
        study,
        model,
        method,
        objective,
        benchmark,
        'all' as region,
        evaluated_benchmark,
        is_target,
        measure,
        n_runs,
        n_regions,
        damage,
        damage_low,
        damage_high,
        share_kept
    from {{ ref('unlearning_matrix') }}
    where condition = 'influence_in_topic'
),

others as (
    select
        model,
        method,
        objective,
        benchmark,
        region,
        measure,
        count(*) as n_other_benchmarks,
        -- Of a benchmark without a share nobody can say how much it kept.
        case when count(share_kept) = count(*) then min(share_kept) end as least_share_kept
    from damage
    where not is_target
    group by model, method, objective, benchmark, region, measure
),

tests as (
    select * from {{ ref('unlearning_tests') }}
    where condition_a = 'influence_in_topic' and unit = 'set'
),

judged as (
    select
        target.study,
        target.model,
        target.method,
        target.objective,
        target.benchmark,
        target.region,
        target.measure,
        target.n_runs,
        target.n_regions,
        target.damage,
        target.damage_low,
        target.damage_high,
        coalesce(in_topic.n_sets_b, 0) as n_random_sets_in_topic,
        in_topic.difference as more_than_random_in_topic,
        in_topic.q_value as q_random_in_topic,
        coalesce(everywhere.n_sets_b, 0) as n_random_sets_global,
        everywhere.difference as more_than_random_global,
        everywhere.q_value as q_random_global,
        coalesce(others.n_other_benchmarks, 0) as n_other_benchmarks,
        others.least_share_kept,
        selectivity.difference as more_than_others,
        selectivity.difference_low as more_than_others_low,
        selectivity.difference_high as more_than_others_high,
        selectivity.beyond_random as more_selective_than_random,
        selectivity.beyond_random_low as more_selective_than_random_low,
        in_topic.difference > 0 and in_topic.q_value < 0.05 as is_worse_than_random_in_topic,
        everywhere.difference > 0 and everywhere.q_value < 0.05 as is_worse_than_random_global,
        selectivity.difference_low > 0 and selectivity.beyond_random_low > 0 as is_selective
    from damage as target
    left join tests as in_topic
        on
            target.model = in_topic.model
            and target.method = in_topic.method
            and target.objective = in_topic.objective
            and target.benchmark = in_topic.benchmark
            and target.region = in_topic.region
            and target.measure = in_topic.measure
            and in_topic.condition_b = 'random_in_topic'
    left join tests as everywhere
        on
            target.model = everywhere.model
            and target.method = everywhere.method
            and target.objective = everywhere.objective
            and target.benchmark = everywhere.benchmark
            and target.region = everywhere.region
            and target.measure = everywhere.measure
            and everywhere.condition_b = 'random_global'
    left join others
        on
            target.model = others.model
            and target.method = others.method
            and target.objective = others.objective
            and target.benchmark = others.benchmark
            and target.region = others.region
            and target.measure = others.measure
    left join {{ ref('unlearning_selectivity') }} as selectivity
        on
            target.model = selectivity.model
            and target.method = selectivity.method
            and target.objective = selectivity.objective
            and target.benchmark = selectivity.benchmark
            and target.region = selectivity.region
            and target.measure = selectivity.measure
            and selectivity.condition = 'influence_in_topic'
            and selectivity.factor_effect = 'A/3'
    where target.is_target
)

select
    study,
    model,
    method,
    objective,
    benchmark,
    case when region != 'all' then region end as region,
    measure,
    n_runs,
    n_regions,
    damage,
    damage_low,
    damage_high,
    n_random_sets_in_topic,
    more_than_random_in_topic,
    q_random_in_topic,
    n_random_sets_global,
    more_than_random_global,
    q_random_global,
    n_other_benchmarks,
    least_share_kept,
    more_than_others,
    more_than_others_low,
    more_than_others_high,
    more_selective_than_random,
    more_selective_than_random_low,
    is_worse_than_random_in_topic,
    is_worse_than_random_global,
    is_selective,
    is_worse_than_random_in_topic and is_worse_than_random_global and is_selective as is_held,
    case
        when not is_worse_than_random_in_topic then 'not told from random in the region'
        when not is_worse_than_random_global then 'not told from random anywhere'
        when more_than_others_low <= 0 then 'not told from the damage to the others'
        when not is_selective then 'not told from how selective random sets are'
        when is_worse_than_random_in_topic is null
            then 'unknown: fewer than two random sets in the region, or all alike'
        when is_worse_than_random_global is null
            then 'unknown: fewer than two random sets of anywhere, or all alike'
        when n_other_benchmarks = 0 then 'unknown: no other benchmark'
        when is_selective is null
            then 'unknown: fewer than two random sets in the region, or all alike'
    end as reason
from judged
