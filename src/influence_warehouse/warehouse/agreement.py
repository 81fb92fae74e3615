"""Agreement of methods: whether two of them rank regions and documents alike, as facts.

Every pair of a model's methods is compared on the same resamples: the same draws of clusters of
items, and documents drawn together for both. Belongs here: correlations, common documents, and
differences of support by region, with their errors; docs/statistics.md, "Agreement of methods"
gives the formulae. Does not belong here: which region a pair disagrees on most (SQL), and which
method is right (`method_quality`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.intervals import (
    degrees_of_freedom,
    fisher,
    fisher_interval,
    t_half,
    two_sided_p,
)
from influence_warehouse.warehouse.profiles import Level, levels
from influence_warehouse.warehouse.resamples import (
    PRIOR_DEGREES_OF_FREEDOM,
    BinMoments,
    Items,
    bin_moments,
    cluster_deviations,
    clusters_of,
    draw_weights,
    item_by_document_shares,
    item_noise,
    item_sums,
    moderated_covariance,
    random_stream,
    semidefinite_cholesky,
)
from influence_warehouse.warehouse.support import MIN_DOCUMENTS, relative_values

FACTS = ("agreement_inference", "difference_inference")

# Below this any two profiles correlate at -1 or 1.
_MIN_REGIONS = 3
# Spreads over regions below this share of the values are rounding: the profile is constant.
_ROUNDING = 1e-12
_SUMS = ("positive_sum_sq", "positive_sum_fourth")

_Rows = Iterator[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Supports:
    """Support of one benchmark by several methods, in the bins with documents.

    `items` has each method's, of the same items, whose values are means over a bin's documents;
    `covariance` float64 [bins, methods, methods] is that of a bin's means from having sampled
    these documents; `documents` int [bins].
    """

    items: dict[str, Items]
    covariance: np.ndarray
    documents: np.ndarray

    @property
    def n_clusters(self) -> int:
        """Sources that the items come from."""
        return next(iter(self.items.values())).n_clusters

    @property
    def n_items(self) -> int:
        """Items, the same for all methods."""
        return len(next(iter(self.items.values())).values)


@dataclass(frozen=True)
class Side:
    """One method of a pair, over the regions of a level.

    `values` [regions], and what each resample adds to them, [resamples, regions], by drawing
    items and by drawing documents. Of resampled differences that all documents share nothing is
    left: values and noise are those above the average of all documents.
    """

    values: np.ndarray
    item_noise: np.ndarray
    document_noise: np.ndarray

    @property
    def noise(self) -> np.ndarray:
        return self.item_noise + self.document_noise

    @property
    def share(self) -> float:
        """Share of the variance over regions that is not chance, 1 or less; NaN of a constant."""
        variance = self.values.var(ddof=1)
        if not self.is_spread:
            return np.nan
        return float(1 - self.noise.var(axis=1, ddof=1).mean() / variance)

    @property
    def is_spread(self) -> bool:
        """Whether regions differ by more than rounding."""
        return bool(np.ptp(self.values) > _ROUNDING * max(1.0, np.abs(self.values).max()))


def identity_of_method_agreement(study: Study, lake: Lake, model: Part) -> dict[str, Any]:
    """Which methods are compared, for which benchmarks, and what is drawn by which seed."""
    return {
        "methods": [method.name for method in study.attribution.methods],
        "benchmarks": [benchmark.name for benchmark in study.benchmarks],
        "resamples": study.statistics.resamples,
        "seed": study.seed,
        "prior_degrees_of_freedom": PRIOR_DEGREES_OF_FREEDOM,
    }


def make_method_agreement(task: Task) -> list[Made]:
    """Compare every pair of one model's methods; no rows where there is one method.

    Holds a benchmark's scores of all documents by every method in memory: 16 bytes each; and 8
    bytes per resample, bin and method. Raises FactError where methods scored other documents.
    """
    study, model = task.study, task.key
    names = [method.name for method in study.attribution.methods]
    frames: dict[str, list[pl.DataFrame]] = {fact: [_frame(fact, model, {})] for fact in FACTS}
    for benchmark in study.benchmarks if len(names) > 1 else ():
        for fact, columns in _compared(study, task.lake, model, benchmark.name):
            frames[fact].append(_frame(fact, model, {"benchmark": benchmark.name} | columns))
    pairs = {"pairs": len(names) * (len(names) - 1) // 2}
    return [Made(fact, pl.concat(frames[fact]), pairs) for fact in FACTS]


def _compared(study: Study, lake: Lake, model: Part, benchmark: str) -> _Rows:
    """Rows of one benchmark, by level."""
    names = [method.name for method in study.attribution.methods]
    scores, moments = _read_documents(study, lake, model, benchmark)
    found = _supports(study, lake, model, benchmark, moments)
    if found is not None:
        open_bins = np.flatnonzero(moments.count)
        populations = lake.read("bin_populations", columns=["bin_id", "topic", "format"])
        resamples, seed = study.statistics.resamples, study.seed
        for a, b, sides in drawn_pairs(found, benchmark, resamples, seed):
            for level in levels(populations, open_bins, found.documents):
                yield from region_rows(found, level, (a, b), [side(level) for side in sides])
    places = {name: _places(lake, f"{model}|{name}", benchmark) for name in names}
    for a, b in combinations(names, 2):
        columns = document_columns(scores[a], scores[b])
        if found is not None and a in found.items and b in found.items:
            items = found.items[a]
            columns |= {"n_shared_items": found.n_items, "n_clusters": found.n_clusters}
            columns |= overlap_columns(places[a], places[b], items.clusters, len(scores[a]))
        yield "agreement_inference", {"level": "document", "method_a": a, "method_b": b} | columns


def drawn_pairs(
    found: Supports, benchmark: str, resamples: int, seed: int
) -> Iterator[tuple[str, str, list["BinSide"]]]:
    """Every pair of methods with its two sides in bins, drawn together.

    What is drawn depends on the pair's names alone: another method changes nothing of it.
    """
    names = list(found.items)
    clusters = found.items[names[0]].clusters
    weights = draw_weights(clusters, benchmark, resamples, seed)
    of_items = {name: item_noise(items, weights) for name, items in found.items.items()}
    shape = (resamples, len(found.documents))
    normals = {
        name: random_stream(seed, f"documents by {name}", benchmark).standard_normal(shape)
        for name in names
    }
    for a, b in combinations(range(len(names)), 2):
        factor = semidefinite_cholesky(found.covariance[:, [[a], [b]], [a, b]])
        first, second = names[a], names[b]
        of_documents = (
            factor[:, 0, 0] * normals[first],
            factor[:, 1, 0] * normals[first] + factor[:, 1, 1] * normals[second],
        )
        share = found.documents / found.documents.sum()
        sides = [
            BinSide(found.items[name].values.mean(axis=0), of_items[name], noise, share)
            for name, noise in zip((first, second), of_documents, strict=True)
        ]
        yield first, second, sides


@dataclass(frozen=True)
class BinSide:
    """One method of a pair in the bins; `share` [bins] is of all documents in each."""

    means: np.ndarray
    item_noise: np.ndarray
    document_noise: np.ndarray
    share: np.ndarray

    def __call__(self, level: Level) -> Side:
        """The same over the regions of a level, above the average of all documents."""
        weights = level.document_weights - self.share[:, None]
        return Side(self.means @ weights, self.item_noise @ weights, self.document_noise @ weights)


def region_rows(found: Supports, level: Level, pair: tuple[str, str], sides: list[Side]) -> _Rows:
    """Rows of one pair of methods at a level: their correlation, and each region's difference."""
    key = {"level": level.name, "method_a": pair[0], "method_b": pair[1]}
    counts = {"n_shared_items": found.n_items, "n_clusters": found.n_clusters}
    yield (
        "agreement_inference",
        key | {"n_regions": len(level.region_ids)} | counts | correlation_columns(*sides),
    )
    if all(side.is_spread for side in sides):
        yield "difference_inference", key | counts | difference_columns(found, level, *sides)


def correlation_columns(a: Side, b: Side) -> dict[str, Any]:
    """Spearman's correlation of two methods' support, with its 95 % interval.

    Noise is laid on profiles that have as much signal as the observed ones, sqrt(share) times
    their values, as for the correlations of benchmarks (`intervals.correlations`).
    """
    columns = {"signal_share_a": a.share, "signal_share_b": b.share}
    if len(a.values) < _MIN_REGIONS or not (a.is_spread and b.is_spread):
        return columns
    estimate = float(_spearman(a.values[None], b.values[None])[0])
    drawn = _spearman(*(_signal(side) + side.noise for side in (a, b)))
    error = fisher(drawn).std(ddof=1)
    low, high = fisher_interval(np.array(estimate), error)
    return columns | {
        "spearman": estimate,
        "fisher_standard_error": error,
        "spearman_low": low,
        "spearman_high": high,
    }


def difference_columns(found: Supports, level: Level, a: Side, b: Side) -> dict[str, Any]:
    """Standardized support by a less that by b, of each region, the spreads over regions held."""
    spreads = [side.values.std(ddof=1) for side in (a, b)]
    values = [side.values / spread for side, spread in zip((a, b), spreads, strict=True)]
    of_items = a.item_noise / spreads[0] - b.item_noise / spreads[1]
    of_documents = a.document_noise / spreads[0] - b.document_noise / spreads[1]
    variances = [part.var(axis=0, ddof=1) for part in (of_items, of_documents)]
    freedom = degrees_of_freedom(
        [(variances[0], found.n_clusters)], variances[1], level.document_freedom
    )
    is_known = found.documents @ (level.weights > 0) >= MIN_DOCUMENTS
    error = np.where(is_known, (of_items + of_documents).std(axis=0, ddof=1), np.nan)
    error = np.where(error > _ROUNDING, error, np.nan)
    difference = values[0] - values[1]
    half, at_once = (t_half(freedom, n) * error for n in (1, len(difference)))
    return {
        "region_id": level.region_ids,
        "standardized_a": values[0],
        "standardized_b": values[1],
        "difference": difference,
        "standard_error": error,
        "low": difference - half,
        "high": difference + half,
        "simultaneous_low": difference - at_once,
        "simultaneous_high": difference + at_once,
        "degrees_of_freedom": freedom,
        "p_value": two_sided_p(difference, error, freedom),
    }


def document_columns(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """Spearman's correlation of two methods' mean scores over documents [documents].

    The error is that of documents drawn at random, the items held: (1 + r^2 / 2) / (n - 3) for
    Fisher's transform (Bonett and Wright 2000, Psychometrika 65:23).
    """
    count = len(a)
    columns: dict[str, Any] = {"n_regions": count}
    if count <= _MIN_REGIONS or np.ptp(a) == 0 or np.ptp(b) == 0:
        return columns
    estimate = float(_spearman(a[None], b[None])[0])
    error = np.sqrt((1 + estimate**2 / 2) / (count - 3))
    low, high = fisher_interval(np.array(estimate), np.array(error))
    return columns | {
        "spearman": estimate,
        "fisher_standard_error": error,
        "spearman_low": low,
        "spearman_high": high,
    }


def overlap_columns(
    a: pl.DataFrame, b: pl.DataFrame, clusters: np.ndarray, documents: int
) -> dict[str, Any]:
    """Share of each item's k strongest documents by one method that the other has too.

    `a`, `b` have a row per place: item_id, doc_id, score. The mean over items has the error of
    drawing their clusters, the documents held. A document whose score is not above 0 is no
    support, and is common to nobody.
    """
    places = a.group_by("item_id").len().sort("item_id")
    strongest = int(places["len"].max() or 0)  # type: ignore[arg-type]
    support = pl.col("score") > 0
    common = (
        a.filter(support)
        .join(b.filter(support), on=["item_id", "doc_id"])
        .group_by("item_id")
        .agg(common=pl.len())
    )
    shares = places.join(common, on="item_id", how="left", maintain_order="left").select(
        pl.col("common").fill_null(0) / pl.col("len")
    )
    values = shares.to_series().to_numpy()
    low, high = _cluster_interval(values, clusters)
    return {
        "n_strongest": strongest,
        "overlap": values.mean(),
        "overlap_low": low,
        "overlap_high": high,
        "overlap_by_chance": strongest / documents,
    }


def _cluster_interval(values: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean over items, by t over their clusters; NaN where nothing varies."""
    items = Items(values[:, None], clusters, {})
    count = items.n_clusters
    if count < 2:
        return np.nan, np.nan
    deviations = cluster_deviations(items, int(clusters.max()) + 1)
    error = float(np.sqrt(count / (count - 1) * (deviations**2).sum()))
    half = float(t_half(np.array(count - 1.0))) * (error if error > _ROUNDING else np.nan)
    # NaN stays: numpy's bounds hand it on, Python's do not.
    low, high = np.clip(values.mean() + np.array([-half, half]), 0, 1)
    return float(low), float(high)


def _signal(side: Side) -> np.ndarray:
    return np.sqrt(max(side.share, 0.0)) * (side.values - side.values.mean())


def _spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Of each pair of rows of two arrays [draws, regions], ties at their mean rank: [draws]."""
    from scipy import stats

    ranks = [stats.rankdata(values, axis=1) for values in (a, b)]
    first, second = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    joint = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.divide(
        (first * second).sum(axis=1), joint, out=np.full(len(joint), np.nan), where=joint > 0
    )


def _supports(
    study: Study, lake: Lake, model: Part, benchmark: str, moments: BinMoments
) -> Supports | None:
    """Of the methods that have scores of single items, on the items that all of those share; None
    of fewer than two methods, or where they share none."""
    names = [method.name for method in study.attribution.methods]
    sums = {name: item_sums(lake, f"{model}|{name}").filter(benchmark=benchmark) for name in names}
    known = [name for name in names if sums[name].height]
    shared = _in_common([sums[name]["item_id"] for name in known])
    if len(known) < 2 or shared.is_empty():
        return None
    rows = {name: sums[name].filter(pl.col("item_id").is_in(shared.implode())) for name in known}
    open_bins = np.flatnonzero(moments.count)
    documents = moments.count[open_bins].astype(np.int64)
    items, scales = {}, []
    for name in known:
        values, scale = relative_values(rows[name], _SUMS[0], open_bins, documents)
        position = names.index(name)
        own = _of_method(moments, position)
        left = 1 - item_by_document_shares(rows[name], own, [benchmark], _SUMS)[0]
        items[name] = Items(values, clusters_of(rows[name]), {})
        scales.append(scale * np.sqrt(left))
    chosen = [names.index(name) for name in known]
    covariance = moderated_covariance(moments)[open_bins][:, chosen][:, :, chosen]
    covariance = covariance * np.outer(scales, scales) / documents[:, None, None]
    return Supports(items, covariance, documents)


def _in_common(item_ids: Sequence[pl.Series]) -> pl.Series:
    """The items of all of them, sorted."""
    shared = set(item_ids[0]) if item_ids else set()
    for other in item_ids[1:]:
        shared &= set(other)
    return pl.Series(sorted(shared), dtype=pl.String)


def _of_method(moments: BinMoments, position: int) -> BinMoments:
    one = slice(position, position + 1)
    return BinMoments(moments.count, moments.scatter[:, one, one], moments.total_scatter[one, one])


def _read_documents(
    study: Study, lake: Lake, model: Part, benchmark: str
) -> tuple[Mapping[str, np.ndarray], BinMoments]:
    """Mean scores of all documents by method, and the moments of what their support is made of."""
    names = [method.name for method in study.attribution.methods]
    scores: dict[str, list[np.ndarray]] = {name: [] for name in names}
    shards = zip(*(shards_of(study, f"{model}|{name}") for name in names), strict=True)

    def matrices() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for parts in shards:
            frames = _aligned(lake, parts, benchmark)
            for name, frame in zip(names, frames, strict=True):
                scores[name].append(frame["score"].cast(pl.Float64).to_numpy())
            squares = [frame["positive_square"].cast(pl.Float64).fill_null(0) for frame in frames]
            yield (
                frames[0]["bin_id"].to_numpy(),
                np.stack([square.to_numpy() for square in squares], axis=-1),
            )

    moments = bin_moments(matrices(), lake.rows("bin_populations"), len(names))
    return {name: np.concatenate(parts) for name, parts in scores.items()}, moments


def _aligned(lake: Lake, parts: Sequence[Part], benchmark: str) -> list[pl.DataFrame]:
    """One shard by each method: the same documents in the same order."""
    asked = pl.col("benchmark") == benchmark
    columns = ["doc_id", "bin_id", "score", "positive_square"]
    frames = [
        lake.scan("document_scores", part).filter(asked).select(columns).collect() for part in parts
    ]
    for part, frame in zip(parts, frames, strict=True):
        if not frame["doc_id"].equals(frames[0]["doc_id"]):
            raise FactError(
                f"{lake.path('document_scores', part)}: other documents are scored for "
                f"{benchmark!r} than in {lake.path('document_scores', parts[0])}. "
                "Remedy: delete the file and run the study again; only this shard is remade."
            )
    return frames


def _places(lake: Lake, cell: Part, benchmark: str) -> pl.DataFrame:
    """The strongest documents of each item."""
    strongest = (pl.col("benchmark") == benchmark) & (pl.col("rank") > 0)
    columns = ["item_id", "doc_id", "score"]
    return lake.scan("proponents", cell).filter(strongest).select(columns).collect()


def _frame(fact: str, model: Part, columns: dict[str, Any]) -> pl.DataFrame:
    """Rows of a fact of one model; what is absent or NaN is not known."""
    schema = pl.Schema(CONTRACTS[fact].columns)
    if not columns:
        return pl.DataFrame(schema=schema)
    absent = dict.fromkeys(set(schema) - set(columns) - {"model"})
    frame = pl.DataFrame(columns | absent).with_columns(model=pl.lit(model))
    return frame.select(list(schema)).cast(schema).fill_nan(None)
