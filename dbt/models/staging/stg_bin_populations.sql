select
    facts.bin_id,
    facts.topic,
    facts.format,
    facts.population_documents,
    facts.sampled_documents,
    facts.stratum
from {{ source('lake', 'bin_populations') }} as facts
