"""Right against wrong answers on simulated studies whose truth is known."""

import numpy as np
import polars as pl
import pytest

from influence_warehouse.warehouse.intervals import (
    freedom_of,
    standard_error,
    t_half,
    two_sided_p,
)
from influence_warehouse.warehouse.profiles import levels, standardized, weighted_sum
from influence_warehouse.warehouse.resamples import (
    BinMoments,
    Drawn,
    draw_document_noise,
    draw_weights,
    item_noise,
    items_of,
)

pytestmark = pytest.mark.slow

BINS, RESAMPLES, STUDIES = 240, 400, 30
# Bins that support the benchmark much more than others do.
OUTSTANDING = slice(0, 24)
POPULATIONS = pl.DataFrame(
    {"bin_id": np.arange(BINS, dtype=np.int32), "topic": ["one"] * BINS, "format": ["one"] * BINS}
)


def _study(right: int, wrong: int, difference: float, seed: int):
    """True differences [bins], bin means with their noise by subset, and documents [bins].

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
            "cluster": np.repeat([f"{i:03d}" for i in range(items)], BINS),
        }
    )
    noise = draw_document_noise(_moments(scores.mean(axis=0), bin_of), ["b"], RESAMPLES, seed)
    found = items_of(rows, np.arange(BINS))
    weights = draw_weights(found.clusters, "b", RESAMPLES, seed)
    draws = {
        subset: Drawn(
            found.of_subset(subset).values.mean(axis=0),
            item_noise(found.of_subset(subset), weights),
            noise[:, :BINS, 0],
            int(found.subsets[subset].sum()),
        )
        for subset in found.subsets
    }
    return true, draws, n


def _moments(document: np.ndarray, bin_of: np.ndarray) -> BinMoments:
    count, scatter = np.zeros(576), np.zeros((576, 1, 1))
    count[:BINS] = np.bincount(bin_of)
    mean = np.bincount(bin_of, document) / np.bincount(bin_of)
    scatter[:BINS, 0, 0] = np.bincount(bin_of, (document - mean[bin_of]) ** 2)
    return BinMoments(count, scatter, np.zeros((1, 1)))


def _grade(true, draws, documents, own_scale: bool) -> tuple[np.ndarray, np.ndarray]:
    """Whether each bin's interval covers, and whether its p is below 5 %, [bins]."""
    unit = np.std(draws["all"].means, ddof=1)
    profiles = [standardized(draws[subset])[0] for subset in ("correct", "incorrect")]
    spreads = [draws[subset].means.std(ddof=1) for subset in ("correct", "incorrect")]
    scales = [1.0, 1.0] if own_scale else [spread / unit for spread in spreads]
    difference = weighted_sum(profiles, [scales[0], -scales[1]])
    level = levels(POPULATIONS, np.arange(BINS), documents)[0]
    freedom = freedom_of(difference, level)
    error = standard_error(difference.noise)
    truth = (true - true.mean()) / unit
    covers = np.abs(difference.z - truth) <= t_half(freedom) * error
    return covers, two_sided_p(difference.z, error, freedom) < 0.05


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
    assert rates[False] < 0.06
    assert rates[True] > 0.08, "the error this guards against"
