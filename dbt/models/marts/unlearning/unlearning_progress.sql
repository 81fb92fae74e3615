select
    studies.study,
    plan.model,
    plan.method,
    plan.objective,
    plan.run_id,
    plan.benchmark,
    plan.condition,
    plan.region_kind,
    plan.region,
    plan.set_number,
    plan.seed,
    coalesce(outcomes.state, 'left') as state,
    outcomes.detail,
    runs.n_forget,
    runs.steps,
    runs.stop_reason,
    runs.learning_rate,
    runs.forget_loss_before,
    runs.forget_loss_after,
    runs.retain_loss_before,
    runs.retain_loss_after,
    runs.utility_before,
    runs.utility_after
from {{ ref('stg_unlearning_plan') }} as plan
cross join {{ ref('stg_studies') }} as studies
left join {{ source('lake', 'unlearning_outcomes') }} as outcomes
    on plan.run_id = outcomes.run_id
-- What an earlier run of other settings did says nothing of this one.
left join {{ source('lake', 'unlearning_runs') }} as runs
    on plan.run_id = runs.run_id and outcomes.state = 'done'
