"""Simulated studies whose true values are known, put through the package's own resampling.

A score is theta of its bin + an effect of the item + one of the item in the bin's topic + one of
the item in the bin + an effect of the document (partly shared by the benchmarks) + one of the
document on the item's source + a residual. Effects of items belong in part to their source.
The truth is theta: the bin mean with as many items and documents as one likes; and of support
what as many would give, by drawing thousands of items.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import polars as pl
from scipy import special

from influence_warehouse.warehouse.resamples import (
    BinMoments,
    Drawn,
    Items,
    Resamples,
    draw_document_noise,
    draw_weights,
    item_by_document_shares,
    item_noise,
    items_of,
)
from influence_warehouse.warehouse.support import Measure, document_variances, measure_of

TOPICS, FORMATS = 24, 8
N_BINS = 576  # of which the topics above fill a third
BINS = TOPICS * FORMATS
NAMES = ["a", "b", "c", "d"]
CONTRAST = np.array([1.0, -1, 0, 0])
INTERACTION = np.array([1.0, -1, -1, 1])
_POPULATION_ITEMS, _DOCUMENT_DRAWS = 1500, 6


@dataclass(frozen=True)
class Regime:
    """How a simulated study is made; standard deviations in the unit of the scores.

    `sources` of the items, None: as many as items; they have `of_source` of the variance of the
    items' effects. `opposed` items: that share of what their effects have in common is taken out.
    """

    documents: tuple[int, int] = (2, 5)
    items: int = 30
    spread: float = 1.0
    document: float = 1.0
    item: float = 1.0
    item_in_topic: float = 0.3
    item_in_bin: float = 0.5
    residual: float = 1.0
    heavy_tails: bool = False
    unequal_bins: float = 0.0
    sources: int | None = None
    of_source: float = 0.9
    document_in_source: float = 0.0
    opposed: float = 0.0


@dataclass(frozen=True)
class SimulatedStudy:
    """`truth`, `means` [benchmarks, bins]; `item_noise` and `document_noise` [benchmarks,
    resamples, bins]; `documents` [bins]; `n_clusters` of each benchmark; of the first benchmark
    `support`, and `true_support` [bins], which takes longer than all else and only some ask for."""

    truth: np.ndarray
    means: np.ndarray
    item_noise: np.ndarray
    document_noise: np.ndarray
    documents: np.ndarray
    n_clusters: int
    support: Measure
    integrate_support: Callable[[], np.ndarray]

    @cached_property
    def true_support(self) -> np.ndarray:
        return self.integrate_support()


def profile_truth(rng: np.random.Generator, spread: float) -> np.ndarray:
    """True means of four benchmarks that have topics and bins in common [4, bins]."""
    common = rng.normal(size=BINS)
    topics = np.repeat(rng.normal(size=(len(NAMES), TOPICS)), FORMATS, axis=1)
    own = rng.normal(size=(len(NAMES), BINS))
    return spread * (np.sqrt(0.3) * topics + np.sqrt(0.4) * common + np.sqrt(0.3) * own)


def null_truth(rng: np.random.Generator, spread: float) -> np.ndarray:
    """Two thirds of the topics average in every bin; the same in benchmarks a and c, b and d.

    So the interaction is 0 everywhere, and the contrast in half of the topics.
    """
    topics = np.zeros(TOPICS)
    topics[:4], topics[4:8] = spread, -spread
    first, second = np.repeat(topics, FORMATS), np.repeat(np.roll(topics, 4), FORMATS)
    return np.stack([first, second, first, second])


def simulate(
    regime: Regime, truth: np.ndarray, rng: np.random.Generator, resamples: int = 400
) -> SimulatedStudy:
    """Draw a study's scores, and resample them with the package's own functions."""
    low, high = regime.documents
    documents = rng.integers(low, high + 1, BINS)
    bin_of = np.repeat(np.arange(BINS), documents)
    size = np.exp(rng.normal(0, regime.unequal_bins, BINS))
    shared = _normal(regime, rng, len(bin_of))
    tables = [_scores(regime, theta[bin_of], bin_of, size[bin_of], shared, rng) for theta in truth]
    sums = pl.concat(
        [_sums(regime, name, table, documents) for name, table in zip(NAMES, tables, strict=True)]
    )
    scores = np.array([table.mean(axis=0) for table in tables])
    moments = _moments(scores, bin_of, documents)
    seed = int(rng.integers(2**31))
    shares = item_by_document_shares(sums, moments, NAMES)
    noise = draw_document_noise(moments, NAMES, resamples, seed, shares)[:, :BINS]
    items = {name: items_of(sums.filter(benchmark=name), np.arange(BINS)) for name in NAMES}
    means = np.stack([items[name].values.mean(axis=0) for name in NAMES])
    drawn = [
        item_noise(items[name], draw_weights(items[name].clusters, name, resamples, seed))
        for name in NAMES
    ]
    return SimulatedStudy(
        truth,
        means,
        np.stack(drawn),
        noise.transpose(2, 0, 1),
        documents,
        items[NAMES[0]].n_clusters,
        _support(sums.filter(benchmark=NAMES[0]), tables[0], bin_of, documents, items),
        partial(_true_support, regime, truth[0], size, documents, rng),
    )


def _normal(regime: Regime, rng: np.random.Generator, size: int | tuple[int, ...]) -> np.ndarray:
    """Effects of documents at variance 1: normal, or Student's t with 5 degrees of freedom."""
    if regime.heavy_tails:
        return rng.standard_t(5, size) / np.sqrt(5 / 3)
    return rng.standard_normal(size)


def _scores(
    regime: Regime,
    theta: np.ndarray,
    bin_of: np.ndarray,
    size: np.ndarray,
    shared: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """[items, documents]"""
    of_document = np.sqrt(0.5) * (shared + _normal(regime, rng, len(bin_of)))
    table = rng.standard_normal((regime.items, len(bin_of))) * regime.residual
    sources = _sources(regime)
    table += rng.normal(0, regime.document_in_source, (sources.max() + 1, len(bin_of)))[sources]
    table += regime.document * of_document
    effects = _item_effects(regime, sources, rng)
    effects -= regime.opposed * effects.mean(axis=0)
    return table * size + theta + effects[:, bin_of]


def _sources(regime: Regime) -> np.ndarray:
    return np.arange(regime.items) % (regime.sources or regime.items)


def _item_effects(regime: Regime, sources: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[items, bins], `of_source` of their variance alike for all items of a source."""
    shares = {len(sources): 1.0}
    if sources.max() + 1 < len(sources):
        shares = {len(sources): 1 - regime.of_source, int(sources.max()) + 1: regime.of_source}
    effects = np.zeros((len(sources), BINS))
    for count, share in shares.items():
        topics = rng.normal(0, regime.item_in_topic, (count, TOPICS))
        own = rng.normal(0, regime.item_in_bin, (count, BINS))
        own += rng.normal(0, regime.item, (count, 1)) + np.repeat(topics, FORMATS, axis=1)
        effects += np.sqrt(share) * (own if count == len(sources) else own[sources])
    return effects


def _sums(regime: Regime, name: str, table: np.ndarray, documents: np.ndarray) -> pl.DataFrame:
    starts = np.concatenate([[0], np.cumsum(documents)[:-1]])
    items, positive = len(table), np.maximum(table, 0)
    powers = {
        "score_sum": table,
        "score_sum_sq": table**2,
        "positive_sum_sq": positive**2,
        "positive_sum_fourth": positive**4,
    }
    return pl.DataFrame(
        {
            "benchmark": name,
            "item_id": np.repeat(np.arange(items), BINS),
            "bin_id": np.tile(np.arange(BINS), items),
            "n_documents": np.tile(documents, items),
            "is_correct": pl.Series([None] * (items * BINS), dtype=pl.Boolean),
            "cluster": np.repeat(_sources(regime), BINS),
        }
        | {key: np.add.reduceat(v, starts, axis=1).ravel() for key, v in powers.items()}
    )


def _moments(scores: np.ndarray, bin_of: np.ndarray, documents: np.ndarray) -> BinMoments:
    means = np.stack([np.bincount(bin_of, row, BINS) / documents for row in scores])
    about = scores - means[:, bin_of]
    count, scatter = np.zeros(N_BINS), np.zeros((N_BINS, len(scores), len(scores)))
    count[:BINS] = documents
    for i, a in enumerate(about):
        for j, b in enumerate(about):
            scatter[:BINS, i, j] = np.bincount(bin_of, a * b, BINS)
    return BinMoments(count, scatter, np.zeros((len(scores), len(scores))))


def _support(
    sums: pl.DataFrame,
    table: np.ndarray,
    bin_of: np.ndarray,
    documents: np.ndarray,
    items: dict[str, Items],
) -> Measure:
    name = NAMES[0]
    squares = (np.maximum(table, 0) ** 2).mean(axis=0, keepdims=True)
    moments = _moments(squares, bin_of, documents)
    columns = ("positive_sum_sq", "positive_sum_fourth")
    variances = document_variances(sums, moments, [name], columns)[:BINS, 0]
    drawn: dict[str, dict[str, Drawn]] = {}
    resamples = Resamples(np.arange(BINS), documents, drawn, items, sums)
    return measure_of(sums, columns[0], resamples, variances, name)


def _true_support(
    regime: Regime,
    theta: np.ndarray,
    size: np.ndarray,
    documents: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Mean of each bin over a population of items, documents drawn and residuals integrated."""
    effects = theta + _item_effects(regime, np.arange(_POPULATION_ITEMS), rng)
    sd = size * np.hypot(regime.residual, regime.document_in_source)
    positive, second = np.zeros_like(effects), np.zeros_like(effects)
    for _ in range(_DOCUMENT_DRAWS):
        draws = _normal(regime, rng, (2, *effects.shape)).sum(axis=0)
        mean = effects + size * regime.document * np.sqrt(0.5) * draws
        ratio = mean / sd
        positive += (mean**2 + sd**2) * special.ndtr(ratio)
        positive += mean * sd * np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi)
        second += mean**2 + sd**2
    by_item = second @ documents / documents.sum()
    return (positive / by_item[:, None]).mean(axis=0)
