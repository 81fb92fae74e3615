{%- set columns = {
    "partition_key": "varchar",
    "state": "varchar",
    "detail": "varchar",
} -%}
select
    facts.partition_key as run_id,
    facts.state,
    facts.detail
from {{ optional_source(
    "unlearning_outcomes", lake_folder() ~ "/unlearning_outcomes/*.parquet", columns
) }}
