"""From one shard's scores to facts: means, sums by item and bin or bucket, strongest documents.

Scores come in blocks of documents x items, on the device where they were computed, and are added
up there; the matrix of a whole shard is never held.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import polars as pl

from influence_warehouse.errors import HealthError

if TYPE_CHECKING:
    from torch import Tensor

# Takes rows of the shard's documents and their scores, float32 [rows, items].
WriteScores: TypeAlias = Callable[[Sequence[int], "np.ndarray | Tensor"], None]

_SUMS = ("score_sum", "score_sum_sq", "positive_sum_sq", "positive_sum_fourth")


@dataclass(frozen=True)
class Shard:
    """What the rows and columns of one shard's scores are.

    `documents`: doc_id, bin_id; `items`: benchmark, item_id, those of a benchmark together.
    `buckets`: of each document its hashed bucket, where scores are summed by those, too.
    """

    model: str
    method: str
    documents: pl.DataFrame
    items: pl.DataFrame
    buckets: pl.Series | None = None


class ShardRollup:
    """The facts of one shard, from blocks that together hold each document once."""

    def __init__(self, shard: Shard, top_k: int) -> None:
        self._shard = shard
        self._columns = _columns_by_benchmark(shard.items)
        n_documents, n_items = len(shard.documents), len(shard.items)
        self._by_bin = _Sums(shard.documents["bin_id"], len(_SUMS))
        self._by_bucket = None if shard.buckets is None else _Sums(shard.buckets, 1)
        # Of each document and benchmark the mean score, and that of squares of positive ones.
        self._means = np.zeros((2, n_documents, len(self._columns)), dtype=np.float32)
        self._times_given = np.zeros(n_documents, dtype=np.int64)
        places = shard.documents["doc_id"].to_numpy().argsort(kind="stable").argsort(kind="stable")
        self._strongest = _Extremes(places, n_items, top_k, sign=1)
        self._weakest = _Extremes(places, n_items, top_k, sign=-1)

    def add(self, rows: Sequence[int], scores: "np.ndarray | Tensor") -> None:
        """Take the scores of some documents, float32 [rows, items]."""
        import torch

        scores = torch.as_tensor(scores)
        where = np.asarray(rows, dtype=np.int64)
        self._times_given[where] += 1
        values = scores.double()
        squares = values.clamp_min(0) ** 2
        self._by_bin.add(where, torch.stack([values, values**2, squares, squares**2]))
        if self._by_bucket is not None:
            self._by_bucket.add(where, values.unsqueeze(0))
        means = [both[:, span].mean(dim=1) for both in (values, squares) for span in self._columns]
        table = torch.stack(means).cpu().numpy().reshape(2, len(self._columns), len(where))
        self._means[:, where] = table.transpose(0, 2, 1)
        self._strongest.add(where, scores)
        self._weakest.add(where, scores)

    def facts(self) -> dict[str, pl.DataFrame]:
        """The facts of the shard, by name. Raises HealthError unless each document came once."""
        wrong = int((self._times_given != 1).sum())
        if wrong:
            raise HealthError(
                f"{self._shard.method} of {self._shard.model}: {wrong} of "
                f"{len(self._times_given)} documents were not scored exactly once. Remedy: run "
                "again; if it stays, report it with the study and the versions."
            )
        # What is squared for support is the positive part; fourth powers say how squares vary.
        by_bin = self._by_bin.frame(self._shard.items, "bin_id", _SUMS)
        facts = {
            "shard_bin_item_scores": self._keyed(by_bin),
            "shard_proponents": self._extreme_documents(),
            "document_scores": self._document_scores(),
        }
        if self._by_bucket is not None:
            by_bucket = self._by_bucket.frame(self._shard.items, "bucket", ("score_sum",))
            facts["shard_bucket_item_scores"] = self._keyed(by_bucket)
        return facts

    def _extreme_documents(self) -> pl.DataFrame:
        """The strongest and weakest documents of each item; ties go to the smaller doc_id."""
        ends = [self._strongest.kept(), self._weakest.kept()]
        columns, rows, values = (np.concatenate(parts) for parts in zip(*ends, strict=True))
        # Where there are few documents, one may be among both.
        _, first = np.unique(np.stack([columns, rows]), axis=1, return_index=True)
        items, documents = self._shard.items[columns[first]], self._shard.documents[rows[first]]
        scores = pl.Series("score", values[first])
        return self._keyed(pl.concat([documents, items, scores.to_frame()], how="horizontal"))

    def _document_scores(self) -> pl.DataFrame:
        """Means over each benchmark's items per document, summed in float64: scores and support."""
        names = self._shard.items["benchmark"].unique(maintain_order=True)
        frames = [
            self._shard.documents.select("doc_id", "bin_id").with_columns(
                benchmark=pl.lit(name),
                score=pl.Series(self._means[0, :, column]),
                positive_square=pl.Series(self._means[1, :, column]),
            )
            for column, name in enumerate(names)
        ]
        return self._keyed(pl.concat(frames))

    def _keyed(self, frame: pl.DataFrame) -> pl.DataFrame:
        shard = self._shard
        return frame.with_columns(model=pl.lit(shard.model), method=pl.lit(shard.method))


class _Sums:
    """Sums of `n_powers` values of each item, by the group that a document is in, in float64."""

    def __init__(self, groups: pl.Series, n_powers: int) -> None:
        self._groups, self._group_of = np.unique(groups.to_numpy(), return_inverse=True)
        self._n_powers = n_powers
        self._sums: Tensor | None = None

    def add(self, where: np.ndarray, powers: "Tensor") -> None:
        """Add those of the documents at `where`, float64 [powers, documents, items]."""
        import torch

        if self._sums is None:
            size = (self._n_powers, len(self._groups), powers.shape[2])
            self._sums = torch.zeros(size, dtype=torch.float64, device=powers.device)
        groups, rows = np.unique(self._group_of[where], return_inverse=True)
        members = torch.zeros(len(groups), len(where), dtype=torch.float64)
        members[torch.as_tensor(rows), torch.arange(len(where))] = 1
        # A product adds in one order on every device, which adding by index does not.
        self._sums[:, torch.as_tensor(groups)] += members.to(powers.device) @ powers

    def frame(self, items: pl.DataFrame, group: str, names: Sequence[str]) -> pl.DataFrame:
        """A row per item and group, which is the column `group`: count of documents, and sums."""
        assert self._sums is not None
        n_groups = len(self._groups)
        counts = np.bincount(self._group_of, minlength=n_groups)
        sums = self._sums.cpu().numpy().reshape(self._n_powers, -1)
        return pl.DataFrame(
            {
                "benchmark": np.tile(items["benchmark"].to_numpy(), n_groups),
                "item_id": np.tile(items["item_id"].to_numpy(), n_groups),
                group: np.repeat(self._groups, len(items)),
                "n_documents": np.repeat(counts, len(items)),
                **dict(zip(names, sums, strict=True)),
            }
        )


class _Extremes:
    """The k documents at one end of each item's scores, of all that came so far.

    `places` are the documents' places in the order of doc_id, by which ties are decided.
    """

    def __init__(self, places: np.ndarray, n_items: int, k: int, sign: int) -> None:
        self._places, self._k, self._sign = places, k, sign
        self._n_items = n_items
        # An item's k-th score so far: what is under it cannot come in.
        self._least: Any = None
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._waiting = 0

    def add(self, rows: np.ndarray, scores: "Tensor") -> None:
        import torch

        signed = self._sign * scores
        if self._least is None:
            self._least = torch.full((self._n_items,), -torch.inf, device=scores.device)
        # NaN is not under anything, so it stays until health checks name it.
        found, columns = (~(signed < self._least)).nonzero(as_tuple=True)
        values = signed[found, columns].float().cpu().numpy()
        self._parts.append((columns.cpu().numpy(), rows[found.cpu().numpy()], values))
        self._waiting += len(values)
        if self._waiting > 4 * self._k * self._n_items:
            self._settle()

    def kept(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Items' columns, documents' rows and scores."""
        self._settle()
        columns, rows, values = self._parts[0]
        return columns, rows, self._sign * values

    def _settle(self) -> None:
        import torch

        columns, rows, values = (np.concatenate(p) for p in zip(*self._parts, strict=True))
        order = np.lexsort((self._places[rows], -values, columns))
        columns, rows, values = columns[order], rows[order], values[order]
        starts = np.searchsorted(columns, np.arange(self._n_items))
        rank = np.arange(len(columns)) - starts[columns]
        chosen = rank < self._k
        last = rank == self._k - 1
        self._least[torch.as_tensor(columns[last])] = torch.as_tensor(
            values[last], device=self._least.device
        )
        self._parts = [(columns[chosen], rows[chosen], values[chosen])]
        self._waiting = int(chosen.sum())


def merge_bin_item_scores(shards: pl.DataFrame, proponents: pl.DataFrame) -> pl.DataFrame:
    """Add the shards' counts and sums; n_in_top_k counts the merged strongest documents."""
    key = ["model", "method", "benchmark", "item_id", "bin_id"]
    totals = shards.group_by(key).agg(pl.all().sum())
    in_top = (
        proponents.filter(pl.col("rank") > 0).group_by(key).agg(n_in_top_k=pl.len().cast(pl.Int32))
    )
    return totals.join(in_top, on=key, how="left").with_columns(pl.col("n_in_top_k").fill_null(0))


def merge_bucket_item_scores(shards: pl.DataFrame) -> pl.DataFrame:
    """Add the shards' counts and sums by bucket."""
    key = ["model", "method", "benchmark", "item_id", "bucket"]
    return shards.group_by(key).agg(pl.all().sum())


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


def _columns_by_benchmark(items: pl.DataFrame) -> list[slice]:
    lengths = items["benchmark"].rle().struct.unnest()
    ends = np.cumsum(lengths["len"].to_numpy())
    return [
        slice(int(end - length), int(end))
        for end, length in zip(ends, lengths["len"].to_list(), strict=True)
    ]
