select
    labels.study,
    labels.topic_grouping,
    labels.format_grouping
from {{ source('lake', 'study_labels') }} as labels
union
select
    files.study,
    files.topic_grouping,
    files.format_grouping
from {{ source('lake', 'imported_files') }} as files
