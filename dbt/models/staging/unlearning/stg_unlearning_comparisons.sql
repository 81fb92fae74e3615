{%- set columns = {
    "model": "varchar",
    "method": "varchar",
    "objective": "varchar",
    "benchmark": "varchar",
    "measure": "varchar",
    "condition_a": "varchar",
    "condition_b": "varchar",
    "test": "varchar",
    "n_cells": "integer",
    "n_units": "integer",
    "statistic": "double precision",
    "p_value": "double precision",
    "median_difference": "double precision",
    "median_low": "double precision",
    "median_high": "double precision",
} -%}
select
    facts.model,
    facts.method,
    facts.objective,
    facts.benchmark,
    facts.measure,
    facts.condition_a,
    facts.condition_b,
    facts.test,
    facts.n_cells,
    facts.n_units,
    facts.statistic,
    facts.p_value,
    facts.median_difference,
    facts.median_low,
    facts.median_high
from {{ optional_source(
    "unlearning_comparisons", lake_folder() ~ "/unlearning_comparisons/*.parquet", columns
) }}
