{%- set columns = {
    "model": "varchar",
    "method": "varchar",
    "benchmark": "varchar",
    "item_subset": "varchar",
    "split_over": "varchar",
    "level": "varchar",
    "split": "integer",
    "pearson": "double precision",
} -%}
select
    facts.model,
    facts.method,
    facts.benchmark,
    facts.item_subset,
    facts.split_over,
    facts.level,
    facts.split,
    facts.pearson
from {{ optional_source(
    "split_half_correlations", lake_folder() ~ "/split_half_correlations/*.parquet", columns
) }}
inner join {{ ref('stg_study_methods') }} as cells
    on facts.model = cells.model and facts.method = cells.method
