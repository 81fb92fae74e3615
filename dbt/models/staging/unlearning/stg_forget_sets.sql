{%- set columns = {
    "partition_key": "varchar",
    "doc_id": "varchar",
    "bin_id": "integer",
    "influence_rank": "integer",
} -%}
select
    facts.partition_key as run_id,
    facts.doc_id,
    facts.bin_id,
    facts.influence_rank
from {{ optional_source("forget_sets", lake_folder() ~ "/forget_sets/*.parquet", columns) }}
