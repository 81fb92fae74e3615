select
    facts.study,
    facts.contrast,
    facts.position,
    facts.benchmark_a,
    facts.benchmark_b,
    facts.benchmark,
    facts.coefficient
from {{ source('lake', 'study_contrasts') }} as facts
