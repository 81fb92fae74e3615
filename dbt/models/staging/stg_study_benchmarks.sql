select
    facts.study,
    facts.benchmark,
    facts.domain,
    facts.capability,
    facts.position,
    facts.prompt_format,
    facts.metric
from {{ source('lake', 'study_benchmarks') }} as facts
