select
    -- A reserved word in other engines.
    facts."row" as row_number_in_file, -- noqa: RF06
    facts.file,
    facts.doc_id,
    facts.reason,
    facts.detail
from {{ source('lake', 'documents_set_aside') }} as facts
