"""Facts of the stage warehouse: what resampling gives."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import (
    BENCHMARK,
    BIN_ID,
    ITEM_SUBSET,
    MEAN,
    METHOD,
    MODEL,
)
from influence_warehouse.lake.contracts.declaring import INT, REAL, TEXT, Column, Contract

FACTS = {
    "bin_mean_resamples": Contract(
        "Bin means under resampling of items and documents. One row per model, method, benchmark, "
        "item subset, resample and non-empty bin.",
        (
            MODEL,
            METHOD,
            BENCHMARK,
            ITEM_SUBSET,
            Column("resample", INT, "Number of the resample, from 0.", low=0),
            BIN_ID,
            replace(MEAN, meaning="Mean score of the bin in the resample."),
        ),
        key=("model", "method", "benchmark", "item_subset", "resample", "bin_id"),
        in_parts=True,
    ),
    "split_half_correlations": Contract(
        "Correlations of the profiles that two random halves of the items, or of each bin's "
        "documents, give. One row per model, method, benchmark, item subset, thing halved, level "
        "and split.",
        (
            MODEL,
            METHOD,
            BENCHMARK,
            replace(ITEM_SUBSET, meaning="Items that count: `all`.", values=("all",)),
            Column(
                "split_over",
                TEXT,
                "What is halved: `items` or `documents`.",
                values=("items", "documents"),
            ),
            Column(
                "level",
                TEXT,
                "`bin`, `topic` or `format`.",
                values=("bin", "topic", "format"),
            ),
            Column("split", INT, "Number of the split, from 0.", low=0),
            Column(
                "pearson",
                REAL,
                "Pearson's correlation of the halves; null where one is constant.",
                unit="correlation",
                is_nullable=True,
            ),
        ),
        key=("model", "method", "benchmark", "item_subset", "split_over", "level", "split"),
        in_parts=True,
    ),
}
