{%- set columns = {
    "study": "varchar",
    "kind": "varchar",
    "method": "varchar",
    "benchmark": "varchar",
    "file_name": "varchar",
    "sha256": "varchar",
    "n_bins": "integer",
    "n_documents": "bigint",
    "z_tolerance": "double precision",
    "source": "varchar",
    "licence": "varchar",
    "citation": "varchar",
} -%}
select
    facts.study,
    facts.kind,
    facts.method,
    facts.benchmark,
    facts.file_name,
    facts.sha256,
    facts.n_bins,
    facts.n_documents,
    facts.z_tolerance,
    facts.source,
    facts.licence,
    facts.citation
from {{ optional_source("imported_files", lake_folder() ~ "/imported_files.parquet", columns) }}
