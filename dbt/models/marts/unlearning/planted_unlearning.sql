-- Reads the truth, as planted_recovery does: it grades, nothing chooses by it.
with planted as (
    select distinct
        benchmark,
        topic,
        format
    from {{ source('lake', 'planted_truth') }}
),

planted_regions as (
    select
        benchmark,
        topic as region
    from planted
    union distinct
    select
        benchmark,
        topic || '.' || format as region
    from planted
    union distinct
    select
        benchmark,
        'any.' || format as region
    from planted
)

select
    verdicts.study,
    verdicts.model,
    verdicts.method,
    verdicts.objective,
    verdicts.benchmark,
    verdicts.region,
    verdicts.measure,
    truth.region is not null as is_planted,
    verdicts.n_random_sets_in_topic,
    verdicts.more_than_random_in_topic,
    verdicts.more_than_random_global,
    verdicts.more_than_others,
    verdicts.is_held,
    benchmarks.is_held as is_benchmark_held
from {{ ref('unlearning_verdicts') }} as verdicts
inner join {{ ref('unlearning_verdicts') }} as benchmarks
    on
        verdicts.model = benchmarks.model
        and verdicts.method = benchmarks.method
        and verdicts.objective = benchmarks.objective
        and verdicts.benchmark = benchmarks.benchmark
        and verdicts.measure = benchmarks.measure
        and benchmarks.region is null
left join planted_regions as truth
    on verdicts.benchmark = truth.benchmark and verdicts.region = truth.region
where verdicts.region is not null and (select count(*) from planted) > 0
