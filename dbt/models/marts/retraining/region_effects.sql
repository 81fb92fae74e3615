with left_out as (
    select
        plan.model,
        plan.unit,
        plan.subset as region,
        max(digests.n_left_out) as n_left_out
    from {{ source('lake', 'retraining_plan') }} as plan
    inner join {{ source('lake', 'retraining_set_digests') }} as digests
        on plan.run_id = digests.run_id
    where plan.design = 'leave_out'
    group by plan.model, plan.unit, plan.subset
),

-- Of what is planned: a region that the study no longer leaves out may still lie in the lake.
effects as (
    select
        studies.study,
        inference.*,
        left_out.n_left_out
    from {{ source('lake', 'region_effect_inference') }} as inference
    inner join left_out
        on
            inference.model = left_out.model
            and inference.unit = left_out.unit
            and inference.region = left_out.region
    cross join {{ ref('stg_studies') }} as studies
),

adjusted as (
    {{ benjamini_hochberg('effects', ['study', 'model', 'benchmark', 'unit', 'outcome']) }}
)

select
    study,
    model,
    benchmark,
    unit,
    region,
    topic,
    format,
    outcome,
    role,
    n_left_out,
    n_asked_items as n_items,
    n_clusters,
    n_repeats,
    n_trainings,
    base,
    without,
    effect,
    low as effect_low,
    high as effect_high,
    training_standard_error,
    item_standard_error,
    standard_error,
    degrees_of_freedom,
    statistic,
    p_value,
    q_value,
    case
        when p_value is null then 'unknown: ' || coalesce(unknown_reason, 'nothing varies')
        when q_value >= 0.05 then 'not told from no effect'
        when effect > 0 then 'supports'
        else 'hurts'
    end as finding
from adjusted
