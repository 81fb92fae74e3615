-- Runs of the plan that are done: files of other runs may still lie beside theirs.
with methods as (
    select distinct method from {{ ref('stg_region_rules') }}
)

select
    studies.study,
    methods.method,
    runs.objective,
    plan.run_id,
    plan.benchmark,
    plan.condition,
    plan.region_kind,
    plan.region,
    plan.seed
from {{ ref('stg_unlearning_plan') }} as plan
inner join {{ ref('stg_unlearning_outcomes') }} as outcomes
    on plan.run_id = outcomes.run_id and outcomes.state = 'done'
inner join {{ ref('stg_unlearning_runs') }} as runs on plan.run_id = runs.run_id
cross join methods
cross join {{ ref('stg_studies') }} as studies
