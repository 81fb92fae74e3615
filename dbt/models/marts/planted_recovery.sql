-- Of all items; the contract holds the columns.
select * -- noqa: AM04
from {{ ref('planted_recovery_by_correctness') }}
where item_subset = 'all'
