{{ config(meta={'dagster': {'ref': {'name': 'bin_influence_by_correctness'}}}) }}
-- Every sampled document is scored once: no shard is missing, none is there twice.
select
    influence.model,
    influence.method,
    influence.benchmark,
    influence.bin_id,
    influence.n_documents,
    bins.sampled_documents
from {{ ref('bin_influence_by_correctness') }} as influence
inner join {{ ref('bins') }} as bins on influence.bin_id = bins.bin_id
where influence.n_documents != bins.sampled_documents
