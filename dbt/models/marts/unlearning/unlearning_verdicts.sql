-- The claim, benchmark by benchmark: forgetting what was ranked first hurts the benchmark more
-- than forgetting at random does, and spares the others.
with tests as (
    select * from {{ ref('unlearning_tests') }}
    where condition_a = 'influence_in_topic' and benchmark != 'all'
),

spared as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        measure,
        count(*) as n_other_benchmarks,
        -- Of a benchmark without a share nobody can say that it was spared.
        case when count(share_kept) = count(*) then min(share_kept) end as least_share_kept
    from {{ ref('unlearning_matrix') }}
    where condition = 'influence_in_topic' and not is_target
    group by study, model, method, objective, benchmark, measure
),

target as (
    select * from {{ ref('unlearning_matrix') }}
    where condition = 'influence_in_topic' and is_target
),

judged as (
    select
        target.study,
        target.model,
        target.method,
        target.objective,
        target.benchmark,
        target.measure,
        target.n_runs,
        target.n_regions,
        target.damage,
        target.damage_low,
        target.damage_high,
        in_topic.median_difference as more_than_random_in_topic,
        in_topic.q_value as q_random_in_topic,
        everywhere.median_difference as more_than_random_global,
        everywhere.q_value as q_random_global,
        coalesce(spared.n_other_benchmarks, 0) as n_other_benchmarks,
        spared.least_share_kept,
        coalesce(in_topic.median_difference > 0 and in_topic.q_value < 0.05, false)
            as is_worse_than_random_in_topic,
        coalesce(everywhere.median_difference > 0 and everywhere.q_value < 0.05, false)
            as is_worse_than_random_global,
        spared.least_share_kept >= 0.9 as are_others_spared
    from target
    left join tests as in_topic
        on
            target.model = in_topic.model
            and target.method = in_topic.method
            and target.objective = in_topic.objective
            and target.benchmark = in_topic.benchmark
            and target.measure = in_topic.measure
            and in_topic.condition_b = 'random_in_topic'
            and in_topic.test = 'wilcoxon'
    left join tests as everywhere
        on
            target.model = everywhere.model
            and target.method = everywhere.method
            and target.objective = everywhere.objective
            and target.benchmark = everywhere.benchmark
            and target.measure = everywhere.measure
            and everywhere.condition_b = 'random_global'
            and everywhere.test = 'wilcoxon_items'
    left join spared
        on
            target.model = spared.model
            and target.method = spared.method
            and target.objective = spared.objective
            and target.benchmark = spared.benchmark
            and target.measure = spared.measure
)

select
    judged.*,
    judged.is_worse_than_random_in_topic
    and judged.is_worse_than_random_global
    and judged.are_others_spared as is_held
from judged
