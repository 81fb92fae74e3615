"""The linear datamodeling score on worlds whose truth is known: value, error, ceiling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.retraining.grading import (
    LEAST_SUBSETS,
    ceiling,
    cluster_variance,
    difference,
    grade,
    item_correlations,
    mean_known,
    pooled,
    reliabilities,
    training_noise,
)

PARTS, ITEMS = 24, 30
CLUSTERS = np.arange(ITEMS) // 3


def _halves(rng, subsets: int, parts: int = PARTS) -> np.ndarray:
    """Random halves that are left out, bool [subsets, parts]."""
    return np.array([rng.permutation(parts) < parts // 2 for _ in range(subsets)])


def _effects(rng, items: int = ITEMS, parts: int = PARTS) -> np.ndarray:
    """What each part adds to each item [items, parts]: much of two parts, little of all."""
    effects = rng.normal(0, 0.05, (items, parts))
    for row in effects:
        row[rng.choice(parts, 2, replace=False)] += rng.gamma(2, 1)
    return effects


def _kept(left_out: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return (~left_out).astype(float) @ scores.T


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("subsets", [LEAST_SUBSETS, 16])
def test_true_effects_predict_a_linear_world_in_any_unit_and_upside_down_the_reverse(rng, subsets):
    left_out, effects = _halves(rng, subsets), _effects(rng)
    outcome = _kept(left_out, effects)
    assert grade(outcome * 1e-6, outcome, CLUSTERS).lds == pytest.approx(1)
    assert grade(-outcome, outcome, CLUSTERS).lds == pytest.approx(-1)
    # What is left out says the reverse of what is kept: the sum over all documents ranks nothing.
    left = -(left_out.astype(float) @ effects.T)
    assert grade(left, outcome, CLUSTERS).lds == pytest.approx(1)


def test_an_item_is_graded_by_scipys_spearman_ties_included(rng):
    predicted = rng.integers(0, 4, (12, ITEMS)).astype(float)
    outcome = rng.integers(0, 5, (12, ITEMS)).astype(float)
    expected = [
        stats.spearmanr(a, b).statistic for a, b in zip(predicted.T, outcome.T, strict=True)
    ]
    assert_allclose(item_correlations(predicted, outcome), expected, atol=1e-12)
    assert grade(predicted, outcome, CLUSTERS).lds == pytest.approx(np.mean(expected))


def test_the_error_is_the_jackknife_over_subsets(rng):
    predicted, outcome = rng.normal(size=(2, 9, ITEMS))
    graded = grade(predicted, outcome, CLUSTERS)
    without = [
        grade(np.delete(predicted, i, 0), np.delete(outcome, i, 0), CLUSTERS).lds for i in range(9)
    ]
    assert_allclose(graded.without, without)
    expected = np.sqrt(8 / 9 * np.sum((np.array(without) - np.mean(without)) ** 2))
    assert graded.estimate.standard_error == pytest.approx(expected)
    low, high = graded.estimate.interval
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 8) * expected)


@given(st.permutations(range(10)), st.permutations(range(ITEMS)))
def test_order_of_subsets_and_items_changes_nothing(subsets, items):
    rng = np.random.default_rng(5)
    predicted, outcome = rng.normal(size=(2, 10, ITEMS))
    moved = (values[np.ix_(subsets, items)] for values in (predicted, outcome))
    first, second = grade(predicted, outcome, CLUSTERS), grade(*moved, CLUSTERS[items])
    assert second.lds == pytest.approx(first.lds)
    assert second.estimate.standard_error == pytest.approx(first.estimate.standard_error)
    assert second.item_variance == pytest.approx(first.item_variance)


def test_what_cannot_be_graded_is_counted_and_no_number_is_made_up(rng):
    predicted, outcome = rng.normal(size=(2, 8, ITEMS))
    predicted[:, 0] = 0.1 * 3  # says nothing of item 0
    predicted[:, 1] = 7e-14 * np.arange(8) + 0.3  # differs by rounding alone
    outcome[:, [1, 2]] = 5.0  # nothing happens to items 1 and 2
    graded = grade(predicted, outcome, CLUSTERS)
    by_item = item_correlations(predicted, outcome)
    assert by_item[0] == 0 and np.isnan(by_item[[1, 2]]).all()
    assert (graded.n_items_without_prediction, graded.n_items_without_outcome) == (1, 2)
    assert graded.n_graded_items == ITEMS - 2
    assert graded.lds == pytest.approx(by_item[np.isfinite(by_item)].mean())
    nothing = grade(predicted, np.ones_like(outcome), CLUSTERS)
    assert np.isnan(nothing.lds) and nothing.n_items_without_outcome == ITEMS
    assert nothing.estimate.standard_error is None


def test_a_perfect_score_has_no_spread_and_so_no_interval(rng):
    outcome = _kept(_halves(rng, 8), _effects(rng))
    assert grade(outcome, outcome, CLUSTERS).estimate.interval == (None, None)


def test_pooled_is_the_mean_over_benchmarks_that_have_outcomes(rng):
    predicted, outcome = rng.normal(size=(2, 9, ITEMS))
    first, second = grade(predicted, outcome, CLUSTERS), grade(predicted**3, outcome, CLUSTERS)
    empty = grade(predicted, np.zeros_like(outcome), CLUSTERS)
    both = pooled([first, second, empty])
    assert both.lds == pytest.approx((first.lds + second.lds) / 2)
    assert_allclose(both.without, (first.without + second.without) / 2)
    assert (both.n_graded_items, both.n_items_without_outcome) == (2 * ITEMS, ITEMS)
    # The same items twice: twice what one of them varies by, over four.
    assert both.item_variance == pytest.approx((first.item_variance + second.item_variance) / 4)
    assert np.isnan(pooled([empty, empty]).lds)


def test_methods_are_compared_on_the_same_subsets_so_what_they_share_cancels(rng):
    outcome = rng.normal(size=(12, ITEMS))
    common = outcome + rng.normal(size=outcome.shape)
    a = grade(common, outcome, CLUSTERS)
    b = grade(common + 0.05 * rng.normal(size=outcome.shape), outcome, CLUSTERS)
    apart = difference(a, b)
    assert apart.value == pytest.approx(a.lds - b.lds)
    apart_alone = np.hypot(a.estimate.standard_error, b.estimate.standard_error)
    assert apart.standard_error < apart_alone / 3
    twice = difference(a, grade(2 * common, outcome, CLUSTERS))
    assert (twice.value, twice.standard_error) == (0, None)


def test_error_over_items_is_that_of_a_mean_over_their_sources(rng):
    values = rng.normal(size=ITEMS)
    sums = np.bincount(CLUSTERS, values)
    count = len(sums)
    # Sources of equal size: the mean over items is the mean over sources.
    expected = (sums / 3).var(ddof=1) / count
    assert cluster_variance(values, CLUSTERS) == pytest.approx(expected)
    assert cluster_variance(values, np.zeros(ITEMS, int)) is None
    assert cluster_variance(np.empty(0), np.empty(0, int)) is None


@pytest.mark.parametrize("share", [0.3, 0.55, 0.9])
def test_reliability_and_ceiling_recover_known_ones(rng, share):
    """Over worlds with four repeats: noise that is told apart, and what it costs."""
    found, best, true = [], [], []
    for _ in range(40):
        spread = rng.gamma(4, 0.25, 60)
        noise = spread * np.sqrt((1 - share) / share)
        effect = spread * rng.normal(size=(12, 60))
        outcome = effect + noise * rng.normal(size=effect.shape)
        by_seed = rng.normal(0, 5, 60)
        apart = noise * (rng.normal(size=(4, 60)) - rng.normal(size=(4, 60))) + by_seed
        variance, freedom = training_noise([apart])
        reliability = reliabilities(outcome, variance, freedom)
        found.append(reliability.mean())
        best.append(ceiling(reliability, 12).mean())
        true.append(grade(effect, outcome, np.arange(60)).lds)
    # A share is never below 0, so that low ones are told too high by a little.
    assert np.mean(found) == pytest.approx(share, abs=0.06 if share < 0.5 else 0.03)
    assert np.mean(best) == pytest.approx(np.mean(true), abs=0.04)


def test_ceiling_is_where_it_must_be_at_both_ends_and_grows():
    shares = np.linspace(0, 1, 11)
    for n_subsets in (4, 12, 1000):
        best = ceiling(shares, n_subsets)
        assert best[0] == 0 and best[-1] == pytest.approx(1)
        assert (np.diff(best) > 0).all()
    # Of many subsets it is 6 / pi times the arcsine of half of the correlation (Pearson 1907).
    assert ceiling(np.array([0.25]), 10**6)[0] == pytest.approx(
        6 / np.pi * np.arcsin(0.25), abs=1e-5
    )


def test_noise_is_pooled_over_seeds_and_is_that_of_one_training(rng):
    first, second = rng.normal(size=(3, ITEMS)), rng.normal(5, 1, size=(2, ITEMS))
    variance, freedom = training_noise([first, second])
    assert freedom == 3
    pooled_twice = 2 * first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)
    assert_allclose(variance, pooled_twice / 3 / 2)
    assert training_noise([first[:1], second[:1]]) is None and training_noise([]) is None


def test_an_outcome_that_does_not_move_has_no_reliability(rng):
    outcome = rng.normal(size=(8, ITEMS))
    outcome[:, 0] = 2.0
    found = reliabilities(outcome, np.full(ITEMS, 0.1), 3)
    assert np.isnan(found[0]) and np.isfinite(found[1:]).all()
    assert mean_known(found) == pytest.approx(found[1:].mean())
    assert (reliabilities(outcome, np.full(ITEMS, 99.0), 3)[1:] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("score_noise", [0.5, 2.0])
def test_intervals_hold_the_mean_over_draws_of_subsets(score_noise):
    """One world, other halves each time: 95 % intervals hold what such halves give in the mean."""
    rng = np.random.default_rng(11)
    effects = _effects(rng)
    scores = effects + rng.normal(0, score_noise, effects.shape)
    graded = []
    for _ in range(200):
        left_out = _halves(rng, 12)
        chance = rng.normal(0, 0.5, (12, 1)) + rng.normal(0, 0.3, (12, ITEMS))
        graded.append(grade(_kept(left_out, scores), _kept(left_out, effects) + chance, CLUSTERS))
    truth = np.mean([each.lds for each in graded])
    held = [low <= truth <= high for low, high in (each.estimate.interval for each in graded)]
    assert 0.92 <= np.mean(held) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize(("subsets", "is_shared"), [(6, False), (12, False), (6, True), (12, True)])
def test_noise_is_seldom_found_to_predict(subsets, is_shared):
    """Scores that are noise of each item's own, or the same for all: about 5 % have p < 0.05.

    Of the latter all items stand or fall together, and six subsets show too little of that.
    """
    rng = np.random.default_rng(13)
    p_values = []
    for _ in range(300):
        left_out, effects = _halves(rng, subsets), _effects(rng)
        outcome = _kept(left_out, effects) + rng.normal(0, 0.5, (subsets, 1))
        scores = rng.normal(size=(1 if is_shared else ITEMS, PARTS))
        predicted = np.broadcast_to(_kept(left_out, scores), outcome.shape)
        p_values.append(grade(predicted, outcome, CLUSTERS).estimate.two_sided[1])
    assert np.mean(np.array(p_values) < 0.05) <= (0.12 if is_shared and subsets == 6 else 0.085)
