"""Two-way resamples of the bin means: the randomness behind every interval.

Each resample draws the sources that items come from with replacement, and adds the noise of having
sampled these documents and not others. The draws stay in memory: what is written of them are the
intervals and tests (`inference`); docs/statistics.md gives the formulae.
Belongs here: drawing. Does not belong here: any statistic of the draws.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.pipeline.parts import model_of, shards_of
from influence_warehouse.study.study import Study

# A bin of n documents counts as n - 1 degrees of freedom beside this many of the pooled
# within-bin covariance. Fixed, not estimated: with 1 to 10 documents a bin, four keep a bin
# of two documents from claiming a variance near zero and hardly move a bin of fifty.
PRIOR_DEGREES_OF_FREEDOM = 4.0
# Fewer right (or wrong) answers are not resampled: their spread is a guess, and intervals from it
# cover too little (docs/statistics.md, "Right and wrong answers").
MIN_SUBSET_ITEMS = 10


@dataclass(frozen=True)
class BinMoments:
    """Within-bin moments of the document scores, over the benchmarks in the study's order.

    `count` float64 [bins]; `scatter` float64 [bins, benchmarks, benchmarks], the sums of
    cross-products about the bin's means; `total_scatter` [benchmarks, benchmarks] about the
    means over all documents.
    """

    count: np.ndarray
    scatter: np.ndarray
    total_scatter: np.ndarray


@dataclass(frozen=True)
class Items:
    """One benchmark's items in the bins with documents, by item_id.

    `values` float64 [items, bins], of every item a mean over a bin's documents; `clusters` int
    [items], from 0, equal where items share a source; `subsets` bool [items] by item subset.
    """

    values: np.ndarray
    clusters: np.ndarray
    subsets: dict[str, np.ndarray]

    def of_subset(self, subset: str) -> "Items":
        """The same of some items; the numbers of their clusters stay."""
        chosen = self.subsets[subset]
        return Items(self.values[chosen], self.clusters[chosen], {})

    @property
    def n_clusters(self) -> int:
        """Sources that the items come from."""
        return len(np.unique(self.clusters))


@dataclass(frozen=True)
class Drawn:
    """Bin means of one benchmark over one subset of its items, in the bins with documents.

    `means` float64 [bins] as they are; `item_noise` and `document_noise` [resamples, bins] are
    what each resample adds; `n_clusters` is of the subset's items.
    """

    means: np.ndarray
    item_noise: np.ndarray
    document_noise: np.ndarray
    n_clusters: int


@dataclass(frozen=True)
class Resamples:
    """All draws of one method, by item subset and then by benchmark in the study's order.

    `bin_ids`, `documents` int [bins] are the bins with documents and how many they hold; `items`
    is by benchmark, `sums` (`item_sums`) is what all of it follows from.
    """

    bin_ids: np.ndarray
    documents: np.ndarray
    drawn: dict[str, dict[str, Drawn]]
    items: dict[str, Items]
    sums: pl.DataFrame


def draw_resamples(study: Study, lake: Lake, cell: Part) -> Resamples:
    """Draw `study.statistics.resamples` sets of bin means of one method, in memory.

    A method without scores of single items has none. 8 bytes per resample, bin and benchmark of
    every subset of the items. Raises FactError when scores of a benchmark are missing for some
    documents.
    """
    sums = item_sums(lake, cell)
    if sums.is_empty():
        return Resamples(np.zeros(0, np.int32), np.zeros(0, np.int64), {}, {}, sums)
    names = [benchmark.name for benchmark in study.benchmarks]
    n_bins, resamples = lake.rows("bin_populations"), study.statistics.resamples
    moments = within_bin_moments(lake, shards_of(study, cell), names, n_bins)
    open_bins = np.flatnonzero(moments.count)
    shares = item_by_document_shares(sums, moments, names)
    noise = draw_document_noise(moments, names, resamples, study.seed, shares)[:, open_bins]
    drawn: dict[str, dict[str, Drawn]] = {}
    items = {name: items_of(sums.filter(benchmark=name), open_bins) for name in names}
    for position, name in enumerate(names):
        weights = draw_weights(items[name].clusters, name, resamples, study.seed)
        for subset in items[name].subsets:
            chosen = items[name].of_subset(subset)
            drawn.setdefault(subset, {})[name] = Drawn(
                chosen.values.mean(axis=0),
                item_noise(chosen, weights),
                noise[..., position],
                chosen.n_clusters,
            )
    return Resamples(open_bins, moments.count[open_bins].astype(np.int64), drawn, items, sums)


def item_sums(lake: Lake, cell: Part) -> pl.DataFrame:
    """Sums of one method's scores by benchmark, item and bin with documents, by item_id.

    Beside them `is_correct`, whether the model answers the item right, and `cluster`, the source
    of the item; null where nobody told.
    """
    answers = lake.read("item_predictions", model_of(cell))
    told = ["benchmark", "item_id"]
    sources = lake.read("benchmark_items", columns=[*told, "cluster"])
    sums = lake.read("bin_item_scores", cell).filter(pl.col("n_documents") > 0)
    return (
        sums.join(answers.select(*told, "is_correct"), on=told, how="left")
        .join(sources, on=told, how="left")
        .sort("benchmark", "item_id", "bin_id")
    )


def items_of(sums: pl.DataFrame, open_bins: np.ndarray) -> Items:
    """Mean scores of one benchmark's items, with the clusters and the subsets that they are of.

    `sums` are rows of `item_sums`. Subsets of fewer than MIN_SUBSET_ITEMS are left out.
    """
    each = sums.group_by("item_id", maintain_order=True).agg(pl.col("is_correct").first())
    is_correct = each["is_correct"]
    subsets = {
        "all": np.full(len(each), True),
        "correct": is_correct.fill_null(False).to_numpy(),
        "incorrect": (~is_correct).fill_null(False).to_numpy(),
    }
    kept = {
        subset: chosen
        for subset, chosen in subsets.items()
        if subset == "all" or chosen.sum() >= MIN_SUBSET_ITEMS
    }
    means = item_bin_means(sums, "score_sum", int(open_bins[-1]) + 1)
    return Items(means[:, open_bins], clusters_of(sums), kept)


def clusters_of(sums: pl.DataFrame) -> np.ndarray:
    """Number of each item's source, from 0, int [items]; an item without one is on its own.

    Sources are numbered as their first items come, so that what they are called changes no draw.
    """
    each = sums.group_by("item_id", maintain_order=True).agg(pl.col("cluster").first())
    source = each.select(pl.coalesce("cluster", "item_id")).to_series()
    _, first, number = np.unique(source.to_numpy(), return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def draw_weights(clusters: np.ndarray, benchmark: str, resamples: int, seed: int) -> np.ndarray:
    """How often each cluster of items is drawn, float64 [resamples, clusters].

    The draw depends on the seed, the name `benchmark` and the number of clusters alone, so that
    every bin, subset and method sees the same.
    """
    count = int(clusters.max()) + 1
    rng = random_stream(seed, "items", benchmark)
    return rng.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.float64)


def item_noise(items: Items, weights: np.ndarray) -> np.ndarray:
    """What drawing clusters of items adds to the bin means, float64 [resamples, bins].

    To first order where clusters hold different numbers of items, or a subset has a part of
    them. The variance of a mean of few clusters C is too small by (C - 1) / C, which a factor
    undoes (docs/statistics.md, "Uncertainty"). A single cluster adds nothing.
    """
    count = items.n_clusters
    stretch = np.sqrt(count / (count - 1)) if count > 1 else 0.0
    return stretch * (weights - 1) @ cluster_deviations(items, weights.shape[1])


def cluster_deviations(items: Items, n_clusters: int) -> np.ndarray:
    """What each cluster adds to the mean over items beyond its number, float64 [clusters, bins]."""
    about = (items.values - items.values.mean(axis=0)) / len(items.values)
    deviations = np.zeros((n_clusters, about.shape[1]))
    np.add.at(deviations, items.clusters, about)
    return deviations


def item_bin_means(sums: pl.DataFrame, column: str, n_bins: int) -> np.ndarray:
    """Of each item the sum `column` over a bin's documents, as a mean; float64 [items, bins].

    `sums` has the columns item_id, bin_id, n_documents of one benchmark; items come by id, and a
    bin that is absent gives NaN.
    """
    if not sums["item_id"].is_sorted():
        sums = sums.sort("item_id")
    row = sums["item_id"].rle_id().to_numpy()
    means = np.full((int(row[-1]) + 1 if len(row) else 0, n_bins), np.nan)
    means[row, sums["bin_id"].to_numpy()] = (sums[column] / sums["n_documents"]).to_numpy()
    return means


def item_by_document_shares(
    sums: pl.DataFrame,
    moments: BinMoments,
    benchmarks: list[str],
    columns: tuple[str, str] = ("score_sum", "score_sum_sq"),
) -> np.ndarray:
    """Share of the within-bin variance that is items x documents, float64 [benchmarks], 0 to 1.

    `sums` has the columns benchmark, item_id, bin_id, n_documents, and `columns`: the sum over
    documents, and that of the squares, of what `moments` has means over items of. Such a mean
    over I items brings in a document's own preferences among them with variance sigma_r^2 / I,
    estimated from the variance within bins of the values for single items
    (docs/statistics.md, "Power"). 0 with a single item, or where no bin has two documents.
    """
    total, total_of_squares = columns
    squares = pl.col(total_of_squares) - pl.col(total) ** 2 / pl.col("n_documents")
    totals = sums.group_by("benchmark").agg(
        scatter=squares.clip(lower_bound=0).sum(),
        freedom=(pl.col("n_documents") - 1).sum(),
        n_items=pl.col("item_id").n_unique(),
    )
    by_name = {row["benchmark"]: row for row in totals.iter_rows(named=True)}
    freedom = np.maximum(moments.count - 1, 0).sum()
    shares = np.zeros(len(benchmarks))
    for position, name in enumerate(benchmarks):
        row = by_name[name]
        of_means = moments.scatter[:, position, position].sum()
        if freedom > 0 and of_means > 0 and row["n_items"] > 1:
            ratio = (row["scatter"] / row["freedom"]) / (of_means / freedom)
            shares[position] = np.clip((ratio - 1) / (row["n_items"] - 1), 0, 1)
    return shares


def draw_document_noise(
    moments: BinMoments,
    benchmarks: list[str],
    resamples: int,
    seed: int,
    item_shares: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Noise of the bin means from the documents sampled, float64 [resamples, bins, benchmarks].

    Normal with the moderated within-bin covariance over n: a Gaussian multiplier bootstrap
    over documents, which the benchmarks share. `item_shares` [benchmarks] of each variance are
    left out, because drawing items brings them in. A later benchmark leaves the draws of the
    earlier ones as they are, since each has its own stream and the factor is triangular.
    """
    factor = _factor_without(moderated_covariance(moments), item_shares)
    factor /= np.sqrt(np.maximum(moments.count, 1.0))[:, None, None]
    normals = np.stack(
        [
            random_stream(seed, "documents", name).standard_normal((resamples, len(moments.count)))
            for name in benchmarks
        ],
        axis=-1,
    )
    return np.einsum("kij,bkj->bki", factor, normals)


def _factor_without(covariance: np.ndarray, item_shares: np.ndarray | float) -> np.ndarray:
    """Triangular factor of `covariance` with the shares taken from its variances.

    Benchmarks have no items in common, so covariances keep all of theirs. What is left need not
    be semidefinite: rows of the factor are scaled to the variances that were asked for.
    """
    covariance = covariance.copy()
    diagonal = np.einsum("...ii->...i", covariance)
    diagonal *= 1 - np.asarray(item_shares)
    factor = semidefinite_cholesky(covariance)
    length = np.sqrt((factor**2).sum(axis=-1))
    wanted = np.sqrt(np.maximum(diagonal, 0))
    return (
        factor * np.divide(wanted, length, out=np.zeros_like(length), where=length > 0)[..., None]
    )


def moderated_covariance(moments: BinMoments) -> np.ndarray:
    """Within-bin covariances, shrunken towards the pooled one, [bins, benchmarks, benchmarks].

    (d0 * pooled + scatter) / (d0 + n - 1), the moderated variance of Smyth 2004 (Stat. Appl.
    Genet. Mol. Biol. 3:3, eq. of s-tilde) for a covariance, with d0 stated. Where no bin has two
    documents the covariance over all documents stands in for the pooled one.
    """
    freedom = np.maximum(moments.count - 1, 0)
    if freedom.sum() > 0:
        pooled = moments.scatter.sum(axis=0) / freedom.sum()
    else:
        pooled = moments.total_scatter / max(moments.count.sum() - 1, 1)
    prior = PRIOR_DEGREES_OF_FREEDOM
    return (prior * pooled + moments.scatter) / (prior + freedom)[:, None, None]


def semidefinite_cholesky(matrices: np.ndarray) -> np.ndarray:
    """Lower-triangular L with L L' = the matrix, for a stack [..., p, p] that may be singular.

    A pivot that is zero up to rounding gives a zero column: two equal benchmarks are allowed.
    """
    size = matrices.shape[-1]
    factor = np.zeros_like(matrices)
    for j in range(size):
        rest = matrices[..., j:, j] - np.einsum(
            "...ik,...k->...i", factor[..., j:, :j], factor[..., j, :j]
        )
        floor = 1e-12 * np.maximum(matrices[..., j, j], 0)
        pivot = np.where(rest[..., 0] > floor, rest[..., 0], np.inf)
        factor[..., j:, j] = np.where(np.isinf(pivot), 0.0, 1.0)[..., None] * (
            rest / np.sqrt(pivot)[..., None]
        )
    return factor


def within_bin_moments(
    lake: Lake,
    parts: Iterable[Part],
    benchmarks: list[str],
    n_bins: int,
    column: str = "score",
) -> BinMoments:
    """Moments of a column of `document_scores` within bins, in one pass over a method's shards."""
    matrices = (score_matrix(lake, part, benchmarks, column) for part in parts)
    return bin_moments(matrices, n_bins, len(benchmarks))


def bin_moments(
    matrices: Iterable[tuple[np.ndarray, np.ndarray]], n_bins: int, size: int
) -> BinMoments:
    """Moments within bins of documents that come in parts, each as their bins int [documents] and
    values float64 [documents, size]."""
    count = np.zeros(n_bins)
    sums = np.zeros((n_bins, size))
    products = np.zeros((n_bins, size, size))
    offset: np.ndarray | None = None
    for bin_ids, scores in matrices:
        if offset is None and len(scores):
            # Moments about a point near the data lose no digits to cancellation.
            offset = scores.mean(axis=0)
        centred = scores - (0.0 if offset is None else offset)
        count += np.bincount(bin_ids, minlength=n_bins)
        for a in range(size):
            sums[:, a] += np.bincount(bin_ids, centred[:, a], n_bins)
            for b in range(size):
                products[:, a, b] += np.bincount(bin_ids, centred[:, a] * centred[:, b], n_bins)
    return BinMoments(
        count,
        _about_mean(products, sums, count),
        _about_mean(products.sum(axis=0), sums.sum(axis=0), count.sum()),
    )


def _about_mean(products: np.ndarray, sums: np.ndarray, count: np.ndarray) -> np.ndarray:
    size = np.maximum(count, 1.0)[..., None, None]
    return products - sums[..., :, None] * sums[..., None, :] / size


def score_matrix(
    lake: Lake, part: Part, benchmarks: list[str], column: str = "score"
) -> tuple[np.ndarray, np.ndarray]:
    """bin_id int [documents] and a column float64 [documents, benchmarks] of one shard.

    The fact's key orders the documents alike within each benchmark, so the columns line up.
    """
    frame = lake.read("document_scores", part, columns=["benchmark", "doc_id", "bin_id", column])
    frames = [frame.filter(benchmark=name) for name in benchmarks]
    for name, own in zip(benchmarks, frames, strict=True):
        if not own["doc_id"].equals(frames[0]["doc_id"]):
            raise FactError(
                f"{lake.path('document_scores', part)}: {name!r} is scored for other documents "
                f"than {benchmarks[0]!r}. "
                "Remedy: delete the file and run the study again; only this shard is remade."
            )
    values = [own[column].cast(pl.Float64).to_numpy() for own in frames]
    return frames[0]["bin_id"].to_numpy(), np.stack(values, axis=-1)


def random_stream(seed: int, purpose: str, benchmark: str) -> np.random.Generator:
    """A stream of its own per purpose and benchmark, the same on every machine."""
    return np.random.default_rng([seed, int(digest_of([purpose, benchmark]), 16)])
