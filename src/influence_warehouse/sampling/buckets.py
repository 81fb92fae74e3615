"""Hashed buckets of documents: another division than by topic and format.

A document's bucket follows from the study's seed and its id alone, so that a larger sample keeps
it. Documents of one bucket have nothing in common: what leaving half the buckets out does is what
leaving half the documents out does.
"""

import hashlib

import polars as pl


def bucket_of(doc_id: str, seed: int, buckets: int) -> int:
    """0 to `buckets` - 1: the first 32 bits of SHA-256 of `seed:bucket:doc_id`, modulo."""
    digest = hashlib.sha256(f"{seed}:bucket:{doc_id}".encode()).hexdigest()
    return int(digest[:8], 16) % buckets


def with_buckets(documents: pl.DataFrame, seed: int, buckets: int) -> pl.DataFrame:
    """The frame with a column `bucket`, by its column doc_id."""
    numbers = [bucket_of(doc_id, seed, buckets) for doc_id in documents["doc_id"]]
    return documents.with_columns(bucket=pl.Series(numbers, dtype=pl.Int32))
