{%- set columns = {
    "partition_key": "varchar",
    "model": "varchar",
    "method": "varchar",
    "objective": "varchar",
    "benchmark": "varchar",
    "condition": "varchar",
    "region_kind": "varchar",
    "topic": "varchar",
    "seed": "integer",
} -%}
select
    facts.partition_key as run_id,
    facts.model,
    facts.method,
    facts.objective,
    facts.benchmark,
    facts.condition,
    facts.region_kind,
    facts.topic as region,
    facts.seed
from {{ optional_source("unlearning_plan", lake_folder() ~ "/unlearning_plan/*.parquet", columns) }}
-- What a method planned that regions are not chosen for any more is of no run.
where exists (
    select 1 from {{ ref('stg_region_rules') }} as rules
    where facts.model = rules.model and facts.method = rules.method
)
