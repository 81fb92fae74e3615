{%- set columns = {
    "model": "varchar",
    "method": "varchar",
    "benchmark": "varchar",
    "bin_id": "integer",
    "n_documents": "bigint",
    "mean": "double precision",
    "stated_z": "double precision",
} -%}
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.bin_id,
    facts.n_documents,
    facts.mean,
    facts.stated_z
from {{ optional_source("bin_scores", lake_folder() ~ "/bin_scores.parquet", columns) }}
