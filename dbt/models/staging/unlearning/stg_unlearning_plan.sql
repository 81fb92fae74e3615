-- A region under the name that the marts of runs give it.
select
    facts.run_id,
    facts.model,
    facts.method,
    facts.objective,
    facts.benchmark,
    facts.condition,
    facts.region_kind,
    facts.topic as region,
    facts.set_number,
    facts.seed
from {{ source('lake', 'unlearning_plan') }} as facts
-- What a method planned that regions are not chosen for any more is of no run.
where exists (
    select 1 from {{ source('lake', 'region_rules') }} as rules
    where facts.model = rules.model and facts.method = rules.method
)
