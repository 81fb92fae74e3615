select distinct facts.study
from {{ source('lake', 'study_benchmarks') }} as facts
