-- question: What can the study not tell, and what would be needed?
-- grain: one row per reason and mart
-- reads: unknowns
select
    reason,
    mart,
    string_agg(column_name, ', ' order by column_name) as column_names
from unknowns
group by reason, mart
order by reason, mart
