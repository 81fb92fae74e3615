"""Split halves: how alike two random halves of the items, or of the documents, see a profile.

Belongs here: halving and the correlation of the halves, as one fact. Does not belong here: what
follows from it (Spearman and Brown's reliability is SQL in the dbt project;
docs/statistics.md gives the formulae).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.progress import counted
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.resamples import (
    clusters_of,
    item_bin_means,
    item_sums,
    random_stream,
    score_matrix,
)

FACT = "split_half_correlations"
# The mean of 200 splits knows the mean of all possible ones to 7 % of the spread between splits.
SPLITS = 200
# Below this any two profiles correlate at -1 or 1.
_MIN_REGIONS = 3
# Spreads over regions below this share of the values are rounding: the profile is constant.
_ROUNDING = 1e-12


# Values of the bins [..., topics, formats] as those of a level's regions.
_LEVELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bin": lambda square: square.reshape(*square.shape[:-2], -1),
    "topic": lambda square: _mean_of_known(square, -1),
    "format": lambda square: _mean_of_known(square, -2),
}


def identity_of_split_half_correlations(study: Study, lake: Lake, cell: Part) -> dict[str, Any]:
    """What is halved: which benchmarks, how often, by which seed."""
    names = [benchmark.name for benchmark in study.benchmarks]
    return {"benchmarks": names, "splits": SPLITS, "seed": study.seed}


def make_split_half_correlations(task: Task) -> list[Made]:
    """Halve items and documents SPLITS times: how one method's halves correlate.

    Holds the method's document scores in memory: 8 bytes per document and benchmark, and as
    much again. Raises FactError when scores of a benchmark are missing for some documents.
    """
    study, lake, cell = task.study, task.lake, task.key
    sums = item_sums(lake, cell)
    names = [benchmark.name for benchmark in study.benchmarks]
    shape = _shape(lake)
    n_bins = shape[0] * shape[1]
    frames = [_no_rows()]
    # Documents have halves whether items were scored or not.
    for name in sums["benchmark"].unique():
        rows = sums.filter(benchmark=name)
        means = item_bin_means(rows, "score_sum", n_bins)
        stream = random_stream(study.seed, "halves", name)
        halves = halves_over_items(means, clusters_of(rows), SPLITS, stream)
        frames.append(_rows(cell, name, "items", halves, shape))
    bin_ids, scores = _all_scores(study, lake, cell, names)
    stream = random_stream(study.seed, "halves of documents", "")
    halves = halves_over_documents(bin_ids, scores, SPLITS, stream, n_bins)
    frames += [
        _rows(cell, name, "documents", halves[..., position], shape)
        for position, name in enumerate(names)
    ]
    return [Made(FACT, pl.concat(frames), {"splits": SPLITS})]


def halves_over_items(
    means: np.ndarray, clusters: np.ndarray, splits: int, rng: np.random.Generator
) -> np.ndarray:
    """Bin means over two random halves of the items, float64 [2, splits, bins].

    `means` is [items, bins], `clusters` int [items]: items of one source stay together. Of an odd
    number of sources the first half has one more; a single source has no halves, and gives NaN.
    """
    count = int(clusters.max()) + 1
    if count < 2:
        return np.full((2, splits, means.shape[1]), np.nan)
    order = rng.permuted(np.tile(np.arange(count), (splits, 1)), axis=1)
    first = (order % 2 == 0)[:, clusters].astype(np.float64)
    return np.stack([half @ means / half.sum(axis=1)[:, None] for half in (first, 1 - first)])


def halves_over_documents(
    bin_ids: np.ndarray,
    scores: np.ndarray,
    splits: int,
    rng: np.random.Generator,
    n_bins: int,
) -> np.ndarray:
    """Bin means over two random halves of each bin's documents, [2, splits, bins, benchmarks].

    `bin_ids` int [documents], `scores` float64 [documents, benchmarks]. The benchmarks share
    the draw. A bin of one document, or of none, gives NaN.
    """
    # Ordered by bin and score, so that neither shards nor file order change what is drawn.
    order = np.lexsort((*scores.T[::-1], bin_ids))
    bins = bin_ids[order].astype(np.int16)
    scores = scores[order]
    counts = np.bincount(bins, minlength=n_bins)
    rank = np.arange(len(bins)) - np.repeat(np.cumsum(counts) - counts, counts)
    halves = np.full((2, splits, n_bins, scores.shape[1]), np.nan)
    divided = counts > 1
    for split in counted(range(splits), "halves of documents", "draws"):
        drawn = rng.permutation(len(bins))
        # Stable by bin: within each bin the documents come in the order drawn.
        drawn = drawn[np.argsort(bins[drawn], kind="stable")]
        for half in (0, 1):
            chosen = drawn[rank % 2 == half]
            size = np.bincount(bins[chosen], minlength=n_bins)
            for column in range(scores.shape[1]):
                total = np.bincount(bins[chosen], scores[chosen, column], minlength=n_bins)
                halves[half, split, divided, column] = total[divided] / size[divided]
    return halves


def correlations_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each row pair of two arrays [splits, regions], [splits].

    Regions without a value in any row are left out; a row that is constant gives NaN.
    """
    known = ~(np.isnan(first) | np.isnan(second)).any(axis=0)
    if known.sum() < _MIN_REGIONS:
        return np.full(len(first), np.nan)
    a, b = (_centred(values[:, known]) for values in (first, second))
    joint = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), joint, out=np.full(len(a), np.nan), where=joint > 0)


def _centred(values: np.ndarray) -> np.ndarray:
    deviations = values - values.mean(axis=1, keepdims=True)
    largest = np.abs(values).max(axis=1, keepdims=True)
    is_constant = np.abs(deviations).max(axis=1, keepdims=True) <= _ROUNDING * largest
    return np.where(is_constant, 0.0, deviations)


def _mean_of_known(values: np.ndarray, axis: int) -> np.ndarray:
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _all_scores(
    study: Study, lake: Lake, cell: Part, names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    parts = [score_matrix(lake, part, names) for part in shards_of(study, cell)]
    return np.concatenate([ids for ids, _ in parts]), np.concatenate([s for _, s in parts])


def _shape(lake: Lake) -> tuple[int, int]:
    """Topics and formats of the study's bins, which are all their pairs in order."""
    cells = lake.read("bin_populations", columns=["topic", "format"])
    return cells["topic"].n_unique(), cells["format"].n_unique()


def _rows(
    cell: Part, benchmark: str, split_over: str, halves: np.ndarray, shape: tuple[int, int]
) -> pl.DataFrame:
    """Rows of the fact from halves [2, splits, bins]; none where nothing could be halved."""
    if np.isnan(halves).all():
        return _no_rows()
    frames, (model, method) = [], cell.split("|")
    square = halves.reshape(*halves.shape[:-1], *shape)
    for level, fold in _LEVELS.items():
        pearson = correlations_of(fold(square[0]), fold(square[1]))
        columns = {
            "model": model,
            "method": method,
            "benchmark": benchmark,
            "item_subset": "all",
            "split_over": split_over,
            "level": level,
            "split": np.arange(len(pearson)),
            "pearson": pl.Series(pearson).fill_nan(None),
        }
        frames.append(pl.DataFrame(columns).cast(_no_rows().schema))
    return pl.concat(frames)


def _no_rows() -> pl.DataFrame:
    return pl.DataFrame(schema=CONTRACTS[FACT].columns)
