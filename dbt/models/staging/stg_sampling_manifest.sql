select
    facts.doc_id,
    facts.topic,
    facts.format,
    facts.bin_id,
    facts.population_documents,
    facts.inclusion_probability,
    facts.sample_rank,
    facts.shard,
    facts.content_sha256
from {{ source('lake', 'sampling_manifest') }} as facts
