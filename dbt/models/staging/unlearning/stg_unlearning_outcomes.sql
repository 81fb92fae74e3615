-- A run under the name that the facts of runs give it.
select
    facts.partition_key as run_id,
    facts.state,
    facts.detail
from {{ source('lake', 'unlearning_outcomes') }} as facts
