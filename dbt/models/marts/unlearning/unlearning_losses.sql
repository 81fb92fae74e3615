select
    runs.study,
    runs.model,
    runs.method,
    runs.objective,
    runs.run_id,
    runs.benchmark,
    runs.condition,
    runs.region,
    runs.set_number,
    runs.seed,
    steps.step,
    steps.forget_loss,
    steps.retain_loss,
    steps.utility,
    steps.learning_rate,
    ends.stop_reason
from {{ ref('int_unlearned_runs') }} as runs
inner join {{ source('lake', 'unlearning_steps') }} as steps on runs.run_id = steps.run_id
inner join {{ source('lake', 'unlearning_runs') }} as ends on runs.run_id = ends.run_id
