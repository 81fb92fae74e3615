"""Facts of the stage attribution."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import (
    BENCHMARK,
    BIN_ID,
    BUCKET,
    DOC_ID,
    ITEM_ID,
    MEAN,
    METHOD,
    MODEL,
    N_DOCUMENTS,
    POSITIVE_SUM_FOURTH,
    POSITIVE_SUM_SQ,
    SCORE_OF,
    SCORE_SUM,
    SCORE_SUM_SQ,
    SHARD,
)
from influence_warehouse.lake.contracts.declaring import (
    FLAG,
    INT,
    REAL,
    SCORE,
    TEXT,
    Column,
    Contract,
)

_CELL = (MODEL, METHOD, BENCHMARK)
_KEY = ("model", "method", "benchmark")
_SUMS = (SCORE_SUM, SCORE_SUM_SQ, POSITIVE_SUM_SQ, POSITIVE_SUM_FOURTH)
_BUCKETED = (*_CELL, ITEM_ID, BUCKET, N_DOCUMENTS, SCORE_SUM)

FACTS = {
    "document_scores": Contract(
        "Mean score of a document over the items of a benchmark. One row per model, method, "
        "benchmark and document.",
        (
            *_CELL,
            DOC_ID,
            BIN_ID,
            SCORE_OF,
            Column(
                "positive_square",
                SCORE,
                "Mean over the items of the squared score where it is above 0, and of 0 where it "
                "is not; null of imported scores that are not by item.",
                unit="score squared",
                low=0,
                is_nullable=True,
            ),
        ),
        key=(*_KEY, "doc_id"),
        in_parts=True,
    ),
    "shard_bin_item_scores": Contract(
        "Sums of scores within one shard. One row per model, method, benchmark, item and bin.",
        (*_CELL, ITEM_ID, BIN_ID, N_DOCUMENTS, *_SUMS),
        key=(*_KEY, "item_id", "bin_id"),
        in_parts=True,
    ),
    "shard_proponents": Contract(
        "Strongest and weakest documents of each item within one shard. One row per model, "
        "method, benchmark, item and document.",
        (*_CELL, ITEM_ID, DOC_ID, BIN_ID, SCORE_OF),
        key=(*_KEY, "item_id", "doc_id"),
        in_parts=True,
    ),
    "bin_item_scores": Contract(
        "Sums of scores, with the count of top documents. One row per model, method, benchmark, "
        "item and non-empty bin.",
        (
            *_CELL,
            ITEM_ID,
            BIN_ID,
            N_DOCUMENTS,
            Column(
                "n_in_top_k",
                INT,
                "The item's k strongest documents that are in the bin.",
                unit="documents",
                low=0,
            ),
            *_SUMS,
        ),
        key=(*_KEY, "item_id", "bin_id"),
        in_parts=True,
    ),
    "shard_bucket_item_scores": Contract(
        "Sums of scores within one shard by hashed bucket; none without retraining. One row per "
        "model, method, benchmark, item and bucket.",
        _BUCKETED,
        key=(*_KEY, "item_id", "bucket"),
        in_parts=True,
    ),
    "bucket_item_scores": Contract(
        "Sums of scores by hashed bucket; none without retraining. One row per model, method, "
        "benchmark, item and non-empty bucket.",
        _BUCKETED,
        key=(*_KEY, "item_id", "bucket"),
        in_parts=True,
    ),
    "proponents": Contract(
        "Strongest (rank 1 to k) and weakest (rank -1 to -k) documents of each item. One row per "
        "model, method, benchmark, item and rank.",
        (
            *_CELL,
            ITEM_ID,
            Column("rank", INT, "1 to k from the strongest, -1 to -k from the weakest."),
            DOC_ID,
            BIN_ID,
            SCORE_OF,
        ),
        key=(*_KEY, "item_id", "rank"),
        in_parts=True,
    ),
    "gradient_diagnosis": Contract(
        "Bergson's model-configuration diagnostic. One row per model and configuration tried.",
        (
            MODEL,
            Column("configuration", TEXT, "What was tried, as the diagnostic calls it."),
            Column("n_trials", INT, "Trials of each configuration.", low=0),
            Column(
                "min_cosine",
                REAL,
                "Smallest cosine of a document's gradients alone and in a batch.",
                is_nullable=True,
            ),
            Column("threshold", REAL, "Cosine below which a configuration is refused."),
            Column("is_passed", FLAG, "Whether min_cosine reaches the threshold."),
        ),
        key=("model", "configuration"),
        in_parts=True,
    ),
    "attribution_health": Contract(
        "Zero and non-finite scores. One row per model, method, benchmark and shard.",
        (
            *_CELL,
            SHARD,
            N_DOCUMENTS,
            Column("n_zero", INT, "Documents whose score is exactly 0.", unit="documents", low=0),
            Column(
                "n_not_finite",
                INT,
                "Documents whose score is not a number or infinite; anything above 0 blocks the "
                "study.",
                unit="documents",
                low=0,
            ),
            replace(MEAN, meaning="Mean of the scores."),
            Column(
                "standard_deviation",
                REAL,
                "Standard deviation of the scores.",
                unit="score",
                low=0,
                is_nullable=True,
            ),
            Column(
                "dtype",
                TEXT,
                "Number type of weights and gradients; null for a method that reads no model.",
                is_nullable=True,
            ),
            Column(
                "attention",
                TEXT,
                "Attention backend of the model; null for a method that reads no model.",
                is_nullable=True,
            ),
        ),
        key=(*_KEY, "shard"),
        in_parts=True,
    ),
}
