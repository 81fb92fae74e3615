{%- set columns = {
    "study": "varchar",
    "position": "integer",
    "model": "varchar",
    "method": "varchar",
    "benchmark": "varchar",
    "rule": "varchar",
    "per_benchmark": "integer",
    "max_q": "double precision",
    "topic": "varchar",
    "format": "varchar",
} -%}
select
    facts.study,
    facts.position,
    facts.model,
    facts.method,
    facts.benchmark,
    facts.rule,
    facts.per_benchmark,
    facts.max_q,
    facts.topic,
    facts.format
from {{ optional_source("region_rules", lake_folder() ~ "/region_rules.parquet", columns) }}
