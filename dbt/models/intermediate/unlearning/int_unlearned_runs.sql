-- Runs of the plan that are done: files of other runs may still lie beside theirs.
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
    plan.seed
from {{ ref('stg_unlearning_plan') }} as plan
inner join {{ source('lake', 'unlearning_outcomes') }} as outcomes
    on plan.run_id = outcomes.run_id and outcomes.state = 'done'
cross join {{ ref('stg_studies') }} as studies
