-- The one study of the lake, as any of its benchmarks names it.
select distinct facts.study
from {{ source('lake', 'study_benchmarks') }} as facts
