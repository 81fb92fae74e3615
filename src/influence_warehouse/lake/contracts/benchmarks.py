"""Facts of the stage benchmarks."""

from influence_warehouse.lake.contracts.columns import (
    ANSWERS,
    BENCHMARK,
    CAPABILITY,
    DOMAIN,
    ITEM_ID,
    MODEL,
)
from influence_warehouse.lake.contracts.declaring import INT, TEXT, TEXTS, Column, Contract

FACTS = {
    "benchmark_items": Contract(
        "Benchmark items as they were asked. One row per benchmark and item.",
        (
            BENCHMARK,
            ITEM_ID,
            DOMAIN,
            CAPABILITY,
            Column(
                "subject",
                TEXT,
                "Subject of the item; null where the benchmark has none.",
                is_nullable=True,
            ),
            Column(
                "cluster",
                TEXT,
                "Source that items share, and by which they are drawn: the subject, or what the "
                "study names in columns.cluster. An item without one, and every item of a "
                "benchmark that has a single source, is its own: the item_id.",
            ),
            Column("question", TEXT, "The question as the benchmark gives it."),
            Column("prompt", TEXT, "The query prompt."),
            Column("choices", TEXTS, "Answers to choose from."),
            Column("answer_index", INT, "Position of the right answer in choices, from 0.", low=0),
        ),
        key=("benchmark", "item_id"),
    ),
    "item_predictions": Contract(
        "The model's log-likelihoods of each item's choices, by lm-eval. One row per model, "
        "benchmark and item.",
        (MODEL, *ANSWERS),
        key=("model", "benchmark", "item_id"),
        in_parts=True,
    ),
}
