-- question: How many input rows were set aside, and why?
-- grain: one row per reason
-- reads: set_aside_reasons
select
    reason,
    n_rows,
    n_files,
    first_file
from set_aside_reasons
order by n_rows desc, reason
