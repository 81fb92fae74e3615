"""Words that all charts of retraining share.

An effect is what a benchmark loses when a region is left out: above 0 the region supports it.
"""

import polars as pl

MEASURED = {
    "margin": "Margin: log-probability of the right answer minus the best wrong one's, in nats.",
    "answer_logprob": "Measured is the log-probability of the right answer, in nats.",
}
SUBSETS = {
    ("halves", "bucket"): "Halves of documents, by hashed buckets",
    ("halves", "topic"): "Halves of topics",
    ("halves", "format"): "Halves of formats",
    ("halves", "bin"): "Halves of bins",
    ("leave_out", "topic"): "One topic left out",
    ("leave_out", "format"): "One format left out",
    ("leave_out", "bin"): "One bin left out",
    ("leave_out", "sql"): "One chosen region left out",
}
"""Designs and units of subsets in the order of every chart, as people read them."""


def measured(table: pl.DataFrame) -> str:
    """What the one outcome of a chart is."""
    return MEASURED[table["outcome"][0]]
