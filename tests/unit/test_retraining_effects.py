"""Effects of leaving a region out on worlds whose truth is known: value, error, false positives."""

import numpy as np
import pytest
from scipy import stats

from influence_warehouse.retraining.effects import Trainings, effect_of, item_part, training_part

ITEMS = 24
CLUSTERS = np.arange(ITEMS) // 4


def _trainings(rng, effect: float = 0.0, repeats: int = 4, runs: int = 1, **chance: float):
    """Answers without a region by `runs` seeds, and of `repeats` other subsets by two seeds.

    Chance moves all items of a training together (`common`) and each by itself (`own`), and a seed
    moves whatever is trained by it; effects differ between sources of items (`between`).
    """
    common, own = chance.get("common", 0.3), chance.get("own", 0.5)
    seeds = rng.normal(0, 2, (max(runs, 2), ITEMS))

    def trained(by: np.ndarray) -> np.ndarray:
        return by + rng.normal(0, common, (len(by), 1)) + rng.normal(0, own, by.shape)

    of_items = effect + chance.get("between", 0.0) * rng.normal(size=ITEMS // 4)[CLUSTERS]
    first, second = (np.repeat(seeds[[each]], repeats, axis=0) for each in (0, 1))
    apart = [trained(second) - trained(first)]
    return Trainings(trained(seeds[:runs]), trained(seeds[:runs]) - of_items, apart, CLUSTERS)


def test_an_effect_is_what_the_base_has_more_by_the_same_seed():
    rng = np.random.default_rng(1)
    runs = _trainings(rng, effect=3.0)
    assert effect_of(runs).value == pytest.approx(runs.paired.mean() - runs.without.mean())
    assert effect_of(runs).value == pytest.approx(3, abs=1.5)


def test_the_error_adds_training_and_items_up_and_counts_nothing_twice():
    runs = _trainings(np.random.default_rng(2), between=1.0)
    training, freedom = training_part(runs)
    assert freedom == 3
    assert training == pytest.approx(runs.apart[0].mean(axis=1).var(ddof=1))
    of_items, clusters_freedom = item_part(runs)
    assert clusters_freedom == 5
    whole = (runs.paired[0] - runs.without[0]).reshape(-1, 4).mean(axis=1).var(ddof=1) / 6
    assert 0 < of_items < whole, "chance of training is taken off"
    assert effect_of(runs).standard_error == pytest.approx(np.sqrt(training + of_items))


def test_more_trainings_without_the_region_make_the_error_smaller():
    runs = _trainings(np.random.default_rng(3), runs=4)
    one = Trainings(runs.paired[:1], runs.without[:1], runs.apart, CLUSTERS)
    assert training_part(runs)[0] == pytest.approx(training_part(one)[0] / 4)


def test_one_repeat_shows_no_chance_so_there_is_no_error():
    runs = _trainings(np.random.default_rng(4), repeats=1)
    effect = effect_of(runs)
    assert np.isfinite(effect.value) and effect.parts == ()
    assert training_part(runs) is None and effect.interval == (None, None)


def test_items_of_one_source_leave_the_error_to_training():
    runs = _trainings(np.random.default_rng(5))
    alone = Trainings(runs.paired, runs.without, runs.apart, np.zeros(ITEMS, int))
    assert item_part(alone) is None
    assert effect_of(alone).degrees_of_freedom == pytest.approx(3)


def test_order_of_items_and_of_repeats_changes_nothing():
    rng = np.random.default_rng(6)
    runs = _trainings(rng, effect=1.0)
    order, repeats = rng.permutation(ITEMS), rng.permutation(4)
    moved = Trainings(
        runs.paired[:, order], runs.without[:, order], [runs.apart[0][np.ix_(repeats, order)]],
        CLUSTERS[order],
    )  # fmt: skip
    assert effect_of(moved).value == pytest.approx(effect_of(runs).value)
    assert effect_of(moved).standard_error == pytest.approx(effect_of(runs).standard_error)


@pytest.mark.slow
@pytest.mark.parametrize("chance", [{}, {"common": 0.0}, {"own": 0.05}, {"between": 1.0}])
def test_regions_without_an_effect_are_called_at_most_as_often_as_they_may(chance):
    rng = np.random.default_rng(7)
    p_values = [effect_of(_trainings(rng, **chance)).two_sided[1] for _ in range(2000)]
    assert np.mean(np.array(p_values) < 0.05) <= 0.06


@pytest.mark.slow
def test_intervals_hold_the_effect():
    rng = np.random.default_rng(8)
    held = []
    for _ in range(2000):
        low, high = effect_of(_trainings(rng, effect=2.0, between=0.8)).interval
        held.append(low <= 2 <= high)
    assert stats.binom.cdf(sum(held), 2000, 0.94) > 0.001
