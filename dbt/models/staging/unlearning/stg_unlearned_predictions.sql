{%- set columns = {
    "run_id": "varchar",
    "benchmark": "varchar",
    "item_id": "varchar",
    "is_correct": "boolean",
    "correct_logprob_margin": "double precision",
} -%}
select
    facts.run_id,
    facts.benchmark as evaluated_benchmark,
    facts.item_id,
    facts.is_correct,
    facts.correct_logprob_margin
from {{ optional_source(
    "unlearned_predictions", lake_folder() ~ "/unlearned_predictions/*.parquet", columns
) }}
