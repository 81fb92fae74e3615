with graded as (
    select inference.*
    from {{ source('lake', 'method_quality_inference') }} as inference
    inner join {{ source('lake', 'study_methods') }} as cells
        on inference.model = cells.model and inference.method = cells.method
),

grading as (
    select * from graded
    where role = 'grading'
),

tuning as (
    select * from graded
    where role = 'tuning'
),

-- Each pair of methods that are told apart, from the side of either.
told_apart as (
    select
        model,
        benchmark,
        design,
        unit,
        outcome,
        method_a as method,
        case when difference > 0 then 1 else 0 end as is_better
    from {{ ref('method_quality_differences') }}
    where q_value < 0.05
    union all
    select
        model,
        benchmark,
        design,
        unit,
        outcome,
        method_b as method,
        case when difference > 0 then 0 else 1 end as is_better
    from {{ ref('method_quality_differences') }}
    where q_value < 0.05
),

standings as (
    select
        model,
        benchmark,
        design,
        unit,
        outcome,
        method,
        cast(sum(is_better) as bigint) as n_worse,
        cast(sum(1 - is_better) as bigint) as n_better
    from told_apart
    group by model, benchmark, design, unit, outcome, method
),

places as (
    select
        model,
        method,
        benchmark,
        design,
        unit,
        outcome,
        count(*) over (partition by model, benchmark, design, unit, outcome) as n_methods
    from graded
    group by model, method, benchmark, design, unit, outcome
)

select
    studies.study,
    places.model,
    places.method,
    places.benchmark,
    places.design,
    places.unit,
    places.outcome,
    coalesce(grading.n_subsets, 0) as n_subsets,
    grading.n_graded_items as n_items,
    grading.n_items_without_prediction,
    grading.n_items_without_outcome,
    grading.n_clusters,
    grading.lds,
    grading.low as lds_low,
    grading.high as lds_high,
    grading.standard_error as lds_standard_error,
    grading.item_standard_error as lds_item_standard_error,
    grading.degrees_of_freedom,
    grading.statistic,
    grading.p_value,
    grading.truth_reliability,
    grading.ceiling,
    grading.n_repeats,
    {{ ratio('grading.lds', 'grading.ceiling') }} as share_of_ceiling,
    places.n_methods,
    case when grading.lds is not null then 1 + coalesce(standings.n_better, 0) end as best_rank,
    case
        when grading.lds is not null then places.n_methods - coalesce(standings.n_worse, 0)
    end as worst_rank,
    coalesce(tuning.n_subsets, 0) as n_tuning_subsets,
    tuning.lds as tuning_lds,
    tuning.standard_error as tuning_lds_standard_error,
    case
        when grading.model is null then 'no subsets for grading are done'
        else grading.unknown_reason
    end as unknown_reason,
    case
        when grading.model is null then 'no subsets for grading are done'
        else grading.truth_unknown_reason
    end as truth_unknown_reason
from places
cross join {{ ref('stg_studies') }} as studies
left join grading
    on
        places.model = grading.model
        and places.method = grading.method
        and places.benchmark = grading.benchmark
        and places.design = grading.design
        and places.unit = grading.unit
        and places.outcome = grading.outcome
left join tuning
    on
        places.model = tuning.model
        and places.method = tuning.method
        and places.benchmark = tuning.benchmark
        and places.design = tuning.design
        and places.unit = tuning.unit
        and places.outcome = tuning.outcome
left join standings
    on
        places.model = standings.model
        and places.method = standings.method
        and places.benchmark = standings.benchmark
        and places.design = standings.design
        and places.unit = standings.unit
        and places.outcome = standings.outcome
