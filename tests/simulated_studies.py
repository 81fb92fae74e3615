"""Simulated studies whose true bin means are known, put through the package's own resampling.

A score is theta of its bin + an effect of the item + one of the item in the bin's topic + one of
the item in the bin + an effect of the document (partly shared by the benchmarks) + a residual.
The truth is theta: the bin mean with as many items and documents as one likes.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from influence_warehouse.warehouse.resamples import (
    BinMoments,
    draw_document_noise,
    draw_item_means,
    item_by_document_shares,
)

TOPICS, FORMATS = 24, 8
N_BINS = 576  # of which the topics above fill a third
BINS = TOPICS * FORMATS
NAMES = ["a", "b", "c", "d"]
CONTRAST = np.array([1.0, -1, 0, 0])
INTERACTION = np.array([1.0, -1, -1, 1])


@dataclass(frozen=True)
class Regime:
    """How a simulated study is made; standard deviations in the unit of the scores."""

    documents: tuple[int, int] = (2, 5)
    items: int = 30
    spread: float = 1.0
    document: float = 1.0
    item_in_topic: float = 0.3
    item_in_bin: float = 0.5
    residual: float = 1.0
    heavy_tails: bool = False
    unequal_bins: float = 0.0


@dataclass(frozen=True)
class SimulatedStudy:
    """`truth`, `means` [benchmarks, bins], `resampled` [benchmarks, resamples, bins],
    `documents` [bins], `items` of each benchmark."""

    truth: np.ndarray
    means: np.ndarray
    resampled: np.ndarray
    documents: np.ndarray
    items: int = field(default=30)


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
    size = np.exp(rng.normal(0, regime.unequal_bins, BINS))[bin_of]
    normal = _heavy_tails if regime.heavy_tails else np.random.Generator.standard_normal
    shared = normal(rng, len(bin_of))
    frames, scores = [], []
    for name, theta in zip(NAMES, truth, strict=True):
        of_document = np.sqrt(0.5) * (shared + normal(rng, len(bin_of)))
        table = rng.standard_normal((regime.items, len(bin_of)), dtype=np.float32)
        table = table * (regime.residual * size) + theta[bin_of]
        table += regime.document * size * of_document + _item_effects(regime, rng)[:, bin_of]
        frames.append(_sums(name, table, documents))
        scores.append(table.mean(axis=0))
    sums, moments = pl.concat(frames), _moments(np.array(scores), bin_of, documents)
    seed = int(rng.integers(2**31))
    shares = item_by_document_shares(sums, moments, NAMES)
    noise = draw_document_noise(moments, NAMES, resamples, seed, shares)
    drawn = [draw_item_means(sums.filter(benchmark=n), n, resamples, seed, N_BINS) for n in NAMES]
    resampled = np.stack(drawn)[..., :BINS] + noise[:, :BINS].transpose(2, 0, 1)
    means = np.stack([np.bincount(bin_of, row, BINS) / documents for row in scores])
    return SimulatedStudy(truth, means, resampled, documents, regime.items)


def _heavy_tails(rng: np.random.Generator, size: int) -> np.ndarray:
    """Student's t with 5 degrees of freedom, at variance 1."""
    return rng.standard_t(5, size) / np.sqrt(5 / 3)


def _item_effects(regime: Regime, rng: np.random.Generator) -> np.ndarray:
    """[items, bins]"""
    topics = rng.normal(0, regime.item_in_topic, (regime.items, TOPICS))
    bins = rng.normal(0, regime.item_in_bin, (regime.items, BINS))
    return rng.normal(size=(regime.items, 1)) + np.repeat(topics, FORMATS, axis=1) + bins


def _sums(name: str, table: np.ndarray, documents: np.ndarray) -> pl.DataFrame:
    starts = np.concatenate([[0], np.cumsum(documents)[:-1]])
    items = len(table)
    return pl.DataFrame(
        {
            "benchmark": name,
            "item_id": np.repeat(np.arange(items), BINS),
            "bin_id": np.tile(np.arange(BINS), items),
            "n_documents": np.tile(documents, items),
            "score_sum": np.add.reduceat(table, starts, axis=1).ravel(),
            "score_sum_sq": np.add.reduceat(table**2, starts, axis=1).ravel(),
        }
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
