"""Right against wrong answers on simulated studies whose truth is known."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from influence_warehouse.warehouse.resamples import (
    BinMoments,
    draw_document_noise,
    draw_subset_means,
)

pytestmark = pytest.mark.slow

BINS, RESAMPLES, STUDIES = 240, 400, 30
# Bins that support the benchmark much more than others do.
OUTSTANDING = slice(0, 24)


def _study(right: int, wrong: int, difference: float, seed: int):
    """True differences [bins], bin means by subset, and their resamples by subset.

    Documents help right and wrong answers alike, but for chance; so do bins, but for
    `difference`. The variances are about those measured on real text.
    """
    rng = np.random.default_rng(seed)
    bin_of = np.repeat(np.arange(BINS), rng.integers(1, 10, BINS))
    n = np.bincount(bin_of)
    items = right + wrong
    is_correct = np.arange(items) < right
    profile = rng.normal(0, 0.4, BINS)
    profile[OUTSTANDING] += 2.5
    true = difference * rng.normal(0, 0.4, BINS)
    effect = profile + np.where(is_correct, 0.5, -0.5)[:, None] * true
    by_item = effect + rng.normal(0, 0.45, (items, BINS))
    scores = by_item[:, bin_of] + rng.normal(0, 0.5, len(bin_of))
    scores += rng.normal(0, 4.5, scores.shape)
    sums = np.stack([np.bincount(bin_of, row, BINS) for row in scores])
    rows = pl.DataFrame(
        {
            "item_id": np.repeat([f"{i:03d}" for i in range(items)], BINS),
            "bin_id": np.tile(np.arange(BINS), items),
            "n_documents": np.tile(n, items),
            "score_sum": sums.ravel(),
            "is_correct": np.repeat(is_correct, BINS),
        }
    )
    noise = draw_document_noise(_moments(scores.mean(axis=0), bin_of), ["b"], RESAMPLES, seed)
    draws = {
        subset: (means + noise[..., 0])[:, :BINS]
        for subset, means in draw_subset_means(rows, "b", RESAMPLES, seed, 576).items()
    }
    means = {
        "all": (sums / n).mean(axis=0),
        "correct": (sums / n)[is_correct].mean(axis=0),
        "incorrect": (sums / n)[~is_correct].mean(axis=0),
    }
    return true, means, draws


def _moments(document: np.ndarray, bin_of: np.ndarray) -> BinMoments:
    count, scatter = np.zeros(576), np.zeros((576, 1, 1))
    count[:BINS] = np.bincount(bin_of)
    mean = np.bincount(bin_of, document) / np.bincount(bin_of)
    scatter[:BINS, 0, 0] = np.bincount(bin_of, (document - mean[bin_of]) ** 2)
    return BinMoments(count, scatter, np.zeros((1, 1)))


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=-1, keepdims=True)


def _grade(true, means, draws, own_scale: bool) -> tuple[np.ndarray, np.ndarray]:
    """Whether each bin's interval covers, and whether its p is below 5 %, [bins]."""
    spread = {s: means[s if own_scale else "all"].std(ddof=1) for s in ("correct", "incorrect")}
    estimate, resampled = (
        _centred(v["correct"]) / spread["correct"] - _centred(v["incorrect"]) / spread["incorrect"]
        for v in (means, draws)
    )
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    truth = _centred(true) / means["all"].std(ddof=1)
    p_value = 2 * stats.norm.sf(np.abs(estimate) / resampled.std(axis=0, ddof=1))
    return (low <= truth) & (truth <= high), p_value < 0.05


@pytest.mark.parametrize("difference", [0.0, 1.0])
@pytest.mark.parametrize(("right", "wrong"), [(50, 50), (30, 70)])
def test_intervals_of_the_difference_cover_the_truth(right, wrong, difference):
    graded = [
        _grade(*_study(right, wrong, difference, seed), own_scale=False) for seed in range(STUDIES)
    ]
    covered = np.array([covers for covers, _ in graded])
    rejected = np.array([rejects for _, rejects in graded])
    assert 0.93 < covered.mean() < 0.97
    if difference == 0:
        assert rejected.mean() < 0.07
    else:
        assert rejected.mean() > 0.1


def test_outstanding_bins_differ_by_chance_alone_no_more_than_others():
    """The fewer answers of one kind spread more: z over each one's own spread shrinks unlike."""
    rates = {}
    for own_scale in (False, True):
        graded = [_grade(*_study(15, 85, 0.0, seed), own_scale) for seed in range(STUDIES)]
        rates[own_scale] = np.mean([rejects[OUTSTANDING].mean() for _, rejects in graded])
    assert rates[False] < 0.08
    assert rates[True] > 0.1, "the error this guards against"
