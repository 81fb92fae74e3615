{%- set columns = {
    "bin_id": "integer",
    "term": "varchar",
    "n_documents": "integer",
    "count": "bigint",
} -%}
select
    facts.bin_id,
    facts.term,
    facts.n_documents,
    facts.count
from {{ optional_source("bin_terms", lake_folder() ~ "/bin_terms.parquet", columns) }}
