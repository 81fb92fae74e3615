select
    told.study,
    told.topic_grouping,
    told.format_grouping
from {{ source('lake', 'study_labels') }} as told
union
select
    files.study,
    files.topic_grouping,
    files.format_grouping
from {{ source('lake', 'imported_files') }} as files
