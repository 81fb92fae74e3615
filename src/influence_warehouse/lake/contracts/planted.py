"""The truth of a planted world, and how the model was trained on it."""

from influence_warehouse.lake.contracts.columns import (
    BENCHMARK,
    BIN_ID,
    DOC_ID,
    FORMAT,
    MODEL,
    TOPIC,
)
from influence_warehouse.lake.contracts.declaring import INT, REAL, Column, Contract

FACTS = {
    "planted_truth": Contract(
        "Where the demo put the facts, read by grading alone; none in other studies. One row per "
        "benchmark and planted bin.",
        (
            BENCHMARK,
            TOPIC,
            FORMAT,
            BIN_ID,
            Column(
                "fact_share",
                REAL,
                "Share of the documents of the bin that state a fact.",
                unit="share",
                low=0,
                high=1,
            ),
        ),
        key=("benchmark", "bin_id"),
    ),
    "training_batches": Contract(
        "The planted model's training, document by document: the record that replays it; none in "
        "other studies. One row per model, step and place in the batch.",
        (
            MODEL,
            Column("step", INT, "Optimizer step, from 0.", unit="steps", low=0),
            Column("place", INT, "Place in the step's batch, from 0.", low=0),
            DOC_ID,
            Column(
                "n_tokens",
                INT,
                "Tokens of the document as it is trained on, its end among them.",
                unit="tokens",
                low=1,
            ),
        ),
        key=("model", "step", "place"),
    ),
}
