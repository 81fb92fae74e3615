-- question: What was each fact made from, when, and how long did it take?
-- grain: one row per fact
-- reads: runs
select
    fact,
    count(*) as n_parts,
    cast(sum(n_rows) as bigint) as n_rows,
    count(distinct fingerprint) as n_fingerprints,
    min(fingerprint) as fingerprint,
    max(started_at) as last_started_at,
    round(sum(seconds), 1) as seconds
from runs
group by fact
order by last_started_at, fact
