{%- set columns = {
    "partition_key": "varchar",
    "benchmark": "varchar",
    "condition": "varchar",
    "region_kind": "varchar",
    "topic": "varchar",
    "seed": "integer",
} -%}
select
    facts.partition_key as run_id,
    facts.benchmark,
    facts.condition,
    facts.region_kind,
    facts.topic as region,
    facts.seed
from {{ optional_source("unlearning_plan", lake_folder() ~ "/unlearning_plan.parquet", columns) }}
