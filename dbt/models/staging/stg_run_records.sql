{%- set columns = {
    "asset": "varchar",
    "partition": "varchar",
    "fact": "varchar",
    "fingerprint": "varchar",
    "rows": "bigint",
    "reused": "boolean",
    "started_at": "varchar",
    "seconds": "double precision",
    "software": "varchar",
} -%}
select
    facts.asset,
    -- Both names are reserved words in other engines.
    facts."partition" as partition_key, -- noqa: RF06
    facts.fact,
    facts.fingerprint,
    facts."rows" as n_rows, -- noqa: RF06
    facts.reused as is_reused,
    cast(facts.started_at as timestamp) as started_at,
    facts.seconds,
    cast(facts.software as varchar) as software
from {{ optional_source("run_records", records_folder() ~ "/*.json", columns) }}
