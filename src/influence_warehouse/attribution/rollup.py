"""From one shard's score matrix to facts: means, sums by item and bin, strongest documents.

The documents x queries matrix itself is never stored. Pure functions of arrays and frames.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class ScoredShard:
    """Float32 scores [documents, items] of one shard with what its rows and columns are.

    `documents`: doc_id, bin_id; `items`: benchmark, item_id; in the matrix's order.
    """

    model: str
    method: str
    scores: np.ndarray
    documents: pl.DataFrame
    items: pl.DataFrame


def document_scores(shard: ScoredShard) -> pl.DataFrame:
    """Means over each benchmark's items per document, summed in float64: scores and support."""
    frames = []
    for (benchmark,), rows in _by_benchmark(shard.items):
        scores = shard.scores[:, rows].astype(np.float64)
        squares = np.maximum(scores, 0) ** 2
        frames.append(
            shard.documents.select("doc_id", "bin_id").with_columns(
                benchmark=pl.lit(benchmark),
                score=pl.Series(scores.mean(axis=1).astype(np.float32)),
                positive_square=pl.Series(squares.mean(axis=1).astype(np.float32)),
            )
        )
    return _keyed(shard, pl.concat(frames))


def bin_item_scores(shard: ScoredShard) -> pl.DataFrame:
    """Count and sums of the scores per item and bin, and of powers of theirs, in float64.

    What is squared for support is the positive part, and fourth powers say how squares vary.
    """
    order = np.argsort(shard.documents["bin_id"].to_numpy(), kind="stable")
    bins, starts, counts = np.unique(
        shard.documents["bin_id"].to_numpy()[order], return_index=True, return_counts=True
    )
    sorted_scores = shard.scores[order].astype(np.float64)
    positive = np.maximum(sorted_scores, 0)
    powers = {
        "score_sum": (sorted_scores, 1),
        "score_sum_sq": (sorted_scores, 2),
        "positive_sum_sq": (positive, 2),
        "positive_sum_fourth": (positive, 4),
    }
    n_items = len(shard.items)
    sums_by_item = pl.DataFrame(
        {
            "benchmark": np.tile(shard.items["benchmark"].to_numpy(), len(bins)),
            "item_id": np.tile(shard.items["item_id"].to_numpy(), len(bins)),
            "bin_id": np.repeat(bins, n_items),
            "n_documents": np.repeat(counts, n_items),
            **{
                name: np.add.reduceat(values**exponent, starts, axis=0).ravel()
                for name, (values, exponent) in powers.items()
            },
        }
    )
    return _keyed(shard, sums_by_item)


def extreme_documents(shard: ScoredShard, k: int) -> pl.DataFrame:
    """The k strongest and k weakest documents of each item; ties go to the smaller doc_id."""
    doc_ids = shard.documents["doc_id"].to_numpy()
    bin_ids = shard.documents["bin_id"].to_numpy()
    by_name = np.argsort(doc_ids, kind="stable")
    frames = []
    for column, (benchmark, item_id) in enumerate(shard.items.iter_rows()):
        values = shard.scores[by_name, column]
        # A stable sort over rows in doc_id order breaks ties by doc_id on either side.
        strongest = np.argsort(-values, kind="stable")[:k]
        weakest = np.argsort(values, kind="stable")[:k]
        rows = by_name[np.union1d(strongest, weakest)]
        frames.append(
            pl.DataFrame(
                {
                    "doc_id": doc_ids[rows],
                    "bin_id": bin_ids[rows],
                    "score": shard.scores[rows, column],
                }
            ).with_columns(benchmark=pl.lit(benchmark), item_id=pl.lit(item_id))
        )
    return _keyed(shard, pl.concat(frames))


def _keyed(shard: ScoredShard, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(model=pl.lit(shard.model), method=pl.lit(shard.method))


def merge_bin_item_scores(shards: pl.DataFrame, proponents: pl.DataFrame) -> pl.DataFrame:
    """Add the shards' counts and sums; n_in_top_k counts the merged strongest documents."""
    key = ["model", "method", "benchmark", "item_id", "bin_id"]
    totals = shards.group_by(key).agg(pl.all().sum())
    in_top = (
        proponents.filter(pl.col("rank") > 0).group_by(key).agg(n_in_top_k=pl.len().cast(pl.Int32))
    )
    return totals.join(in_top, on=key, how="left").with_columns(pl.col("n_in_top_k").fill_null(0))


def merge_proponents(shards: pl.DataFrame, k: int) -> pl.DataFrame:
    """Ranks 1..k for each item's strongest documents, -1..-k for its weakest."""
    item = ["model", "method", "benchmark", "item_id"]

    def ranked(descending: bool, sign: int) -> pl.DataFrame:
        ordered = shards.sort(
            [*item, "score", "doc_id"], descending=[False] * 4 + [descending, False]
        )
        position = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(item)
        return ordered.with_columns(rank=position * sign).filter(pl.col("rank").abs() <= k)

    return pl.concat([ranked(True, 1), ranked(False, -1)])


def _by_benchmark(items: pl.DataFrame) -> list[tuple[tuple[str], np.ndarray]]:
    grouped = items.with_row_index("row").group_by("benchmark", maintain_order=True)
    return [((str(key[0]),), rows["row"].to_numpy()) for key, rows in grouped]
