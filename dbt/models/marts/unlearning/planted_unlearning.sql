-- Reads the truth, as planted_recovery does: it grades, nothing chooses by it.
with planted as (
    select distinct
        benchmark,
        topic,
        format
    from {{ source('lake', 'planted_truth') }}
),

differences as (
    select
        study,
        model,
        method,
        objective,
        benchmark,
        region,
        measure,
        count(*) as n_cells,
        avg(difference) as mean_difference,
        stddev_samp(difference) / sqrt(count(*)) as standard_error
    from {{ ref('int_unlearning_differences') }}
    where
        condition_a = 'influence_in_topic'
        and condition_b = 'random_in_topic'
        and family_benchmark != 'all'
    group by study, model, method, objective, benchmark, region, measure
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
    differences.study,
    differences.model,
    differences.method,
    differences.objective,
    differences.benchmark,
    differences.region,
    differences.measure,
    truth.region is not null as is_planted,
    differences.n_cells,
    differences.mean_difference,
    differences.standard_error,
    verdicts.is_held as is_claim_held
from differences
inner join {{ ref('unlearning_verdicts') }} as verdicts
    on
        differences.model = verdicts.model
        and differences.method = verdicts.method
        and differences.objective = verdicts.objective
        and differences.benchmark = verdicts.benchmark
        and differences.measure = verdicts.measure
left join planted_regions as truth
    on differences.benchmark = truth.benchmark and differences.region = truth.region
where (select count(*) from planted) > 0
