"""How often true null hypotheses are rejected: the reason why the spread over bins is held."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from influence_warehouse.warehouse.resamples import (
    BinMoments,
    draw_document_noise,
    draw_item_means,
)

BINS, DOCUMENTS, ITEMS, RESAMPLES = 120, 2, 30, 200
NULL = slice(60, BINS)


def _study(effect: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bin means [bins] and their resamples; bins from 60 on are average in truth."""
    rng = np.random.default_rng(seed)
    bin_of = np.repeat(np.arange(BINS), DOCUMENTS)
    truth = np.repeat([effect, -effect, 0.0], [30, 30, BINS - 60])
    by_item = rng.normal(0, 0.5, (ITEMS, BINS))[:, bin_of]
    noise = rng.normal(0, 1, len(bin_of)) + rng.normal(0, 1, (ITEMS, len(bin_of)))
    scores = truth[bin_of] + by_item + noise
    sums = np.stack([np.bincount(bin_of, row, BINS) for row in scores])
    rows = pl.DataFrame(
        {
            "item_id": np.repeat([f"{i:02d}" for i in range(ITEMS)], BINS),
            "bin_id": np.tile(np.arange(BINS), ITEMS),
            "n_documents": DOCUMENTS,
            "score_sum": sums.ravel(),
        }
    )
    document = scores.mean(axis=0).reshape(BINS, DOCUMENTS)
    count, scatter = np.zeros(576), np.zeros((576, 1, 1))
    count[:BINS] = DOCUMENTS
    scatter[:BINS, 0, 0] = document.var(axis=1) * DOCUMENTS
    moments = BinMoments(count, scatter, np.zeros((1, 1)))
    draws = draw_item_means(rows, "b", RESAMPLES, seed)
    draws = draws + draw_document_noise(moments, ["b"], RESAMPLES, seed)[..., 0]
    return document.mean(axis=1), draws[:, :BINS]


def _rejected(means: np.ndarray, draws: np.ndarray, hold_spread: bool) -> float:
    deviations = draws - draws.mean(axis=1, keepdims=True)
    spread = means.std(ddof=1) if hold_spread else deviations.std(axis=1, ddof=1, keepdims=True)
    error = (deviations / spread).std(axis=0, ddof=1)
    z = (means - means.mean()) / means.std(ddof=1)
    return (2 * stats.norm.sf(np.abs(z / error)) < 0.05)[NULL].mean()


@pytest.mark.parametrize("effect", [0.0, 1.0, 3.0])
def test_five_percent_of_true_null_hypotheses_are_rejected(effect):
    studies = [_study(effect, seed) for seed in range(40)]
    # 40 studies of 60 bins: the standard error of the rate is below half a per cent.
    held = np.mean([_rejected(*study, hold_spread=True) for study in studies])
    assert 0.035 < held < 0.07
    if effect == 0:
        naive = np.mean([_rejected(*study, hold_spread=False) for study in studies])
        assert naive > 0.12, "the error this guards against"


def test_intervals_of_outstanding_bins_cover_the_true_value():
    """Rescaled by the growth of the spread; without that they stand too near 0."""
    effect = 3.0
    truth = effect / np.std(np.repeat([effect, -effect, 0.0], [30, 30, BINS - 60]), ddof=1)
    covered = {"rescaled": [], "plain": []}
    for seed in range(40):
        means, draws = _study(effect, seed)
        deviations = draws - draws.mean(axis=1, keepdims=True)
        spread = deviations.std(axis=1, ddof=1, keepdims=True)
        growth = spread.mean() / means.std(ddof=1)
        for name, factor in (("rescaled", growth), ("plain", 1.0)):
            low, high = np.quantile(deviations / spread * factor, [0.025, 0.975], axis=0)
            covered[name].append(((low <= truth) & (truth <= high))[:30].mean())
    assert np.mean(covered["rescaled"]) > 0.88
    assert np.mean(covered["plain"]) < np.mean(covered["rescaled"]) - 0.02
