{%- set columns = {
    "bin_id": "integer",
    "n_documents": "integer",
    "n_words": "bigint",
    "n_words_kept": "bigint",
} -%}
select
    facts.bin_id,
    facts.n_documents,
    facts.n_words,
    facts.n_words_kept
from {{ optional_source("bin_words", lake_folder() ~ "/bin_words.parquet", columns) }}
