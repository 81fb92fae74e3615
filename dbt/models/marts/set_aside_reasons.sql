select
    studies.study,
    set_aside.reason,
    count(*) as n_rows,
    count(distinct set_aside.file) as n_files,
    min(set_aside.file) as first_file
from {{ ref('stg_documents_set_aside') }} as set_aside
cross join {{ ref('stg_studies') }} as studies
group by studies.study, set_aside.reason
