{%- set columns = {
    "benchmark": "varchar",
    "topic": "varchar",
    "format": "varchar",
    "bin_id": "integer",
    "fact_share": "double precision",
} -%}
select
    facts.benchmark,
    facts.topic,
    facts.format,
    facts.bin_id,
    facts.fact_share
from {{ optional_source("planted_truth", lake_folder() ~ "/planted_truth.parquet", columns) }}
