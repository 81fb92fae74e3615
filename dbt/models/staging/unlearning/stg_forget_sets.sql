-- A run under the name that the facts of runs give it.
select
    facts.partition_key as run_id,
    facts.doc_id,
    facts.bin_id,
    facts.influence_rank
from {{ source('lake', 'forget_sets') }} as facts
