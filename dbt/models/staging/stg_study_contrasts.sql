-- With the number of benchmarks that each contrast weighs.
select
    facts.study,
    facts.contrast,
    facts.position,
    facts.benchmark_a,
    facts.benchmark_b,
    facts.benchmark,
    facts.coefficient,
    count(*) over (partition by facts.contrast) as n_benchmarks
from {{ source('lake', 'study_contrasts') }} as facts
