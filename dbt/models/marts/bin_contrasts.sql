-- Of all items; the contract holds the columns.
select * -- noqa: AM04
from {{ ref('bin_contrasts_by_correctness') }}
where item_subset = 'all'
