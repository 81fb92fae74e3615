{%- set columns = {
    "run_id": "varchar",
    "step": "integer",
    "forget_loss": "double precision",
    "retain_loss": "double precision",
    "utility": "double precision",
    "learning_rate": "double precision",
} -%}
select
    facts.run_id,
    facts.step,
    facts.forget_loss,
    facts.retain_loss,
    facts.utility,
    facts.learning_rate
from {{ optional_source(
    "unlearning_steps", lake_folder() ~ "/unlearning_steps/*.parquet", columns
) }}
