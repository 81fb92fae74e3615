"""The truth of a planted world."""

from influence_warehouse.lake.contracts.columns import BENCHMARK, BIN_ID, FORMAT, TOPIC
from influence_warehouse.lake.contracts.declaring import REAL, Column, Contract

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
}
