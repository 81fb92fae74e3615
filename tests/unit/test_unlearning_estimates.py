"""Estimates over forget sets: scipy by hand, and how often their tests and intervals are right."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.unlearning.estimates import (
    ALL,
    Sets,
    beyond_control,
    in_region,
    mean_of,
    minus,
    of_sample,
    over_regions,
    regions_of,
    sets_of,
)
from influence_warehouse.unlearning.inference import compared, over_benchmarks
from influence_warehouse.warehouse.estimate import Estimate

INFLUENCE, RANDOM, ANYWHERE = "influence_in_topic", "random_in_topic", "random_global"


def _sets(rng, regions: int = 2, controls: int = 5, effect: float = 0.0, spread=1.0) -> Sets:
    """One benchmark's sets; regions differ by much, in spread, too, where `spread` is a range."""
    sets: Sets = {(ANYWHERE, ALL): rng.normal(size=controls)}
    for number, scale in enumerate(np.broadcast_to(spread, regions)):
        values = rng.normal(3 * number, scale, controls + 1)
        sets[INFLUENCE, f"r{number}"] = values[:1] + effect
        sets[RANDOM, f"r{number}"] = values[1:]
    return sets


def test_seeds_of_one_set_are_one_value():
    rows = [
        (condition, "r", number, seed, value)
        for condition, number, seed, value in [
            (INFLUENCE, 1, 1, 4.0), (INFLUENCE, 1, 2, 6.0),
            (RANDOM, 1, 1, 1.0), (RANDOM, 1, 2, 2.0), (RANDOM, 2, 1, 3.0), (RANDOM, 2, 2, 6.0),
        ]
    ]  # fmt: skip
    names = ["condition", "region", "set_number", "seed", "value"]
    runs = pl.DataFrame(rows, schema=names, orient="row")
    for frame in (runs, runs.reverse()):
        sets = sets_of(frame)
        assert set(sets) == {(INFLUENCE, "r"), (RANDOM, "r")}
        assert sets[INFLUENCE, "r"].tolist() == [5.0]
        assert sets[RANDOM, "r"].tolist() == [1.5, 4.5]


@given(st.integers(2, 9), st.integers(0, 99))
def test_one_set_against_its_controls_is_the_t_of_a_new_observation(controls, seed):
    """Equal to the two-sample t of one value against m, whose pooled spread is that of the m."""
    sets = _sets(np.random.default_rng(seed), regions=1, controls=controls)
    x, y = sets[INFLUENCE, "r0"], sets[RANDOM, "r0"]
    found = beyond_control(sets, INFLUENCE, "r0")
    expected = stats.ttest_ind(x, y, alternative="greater")
    assert_allclose(found.test, [expected.statistic, expected.pvalue], rtol=1e-9)
    low, high = stats.ttest_ind(x, y).confidence_interval(0.95)
    assert_allclose(found.interval, [low, high], rtol=1e-9)
    assert found.degrees_of_freedom == pytest.approx(controls - 1)


def test_a_mean_of_random_sets_is_that_of_a_sample():
    sets = _sets(np.random.default_rng(2))
    y = sets[RANDOM, "r1"]
    expected = stats.ttest_1samp(y, 0, alternative="greater")
    for found in (in_region(sets, RANDOM, "r1"), of_sample(y)):
        assert_allclose(found.test, [expected.statistic, expected.pvalue], rtol=1e-9)


def test_two_independent_means_are_welchs():
    sets = _sets(np.random.default_rng(3), controls=6)
    a, b = in_region(sets, RANDOM, "r0"), in_region(sets, ANYWHERE, ALL)
    expected = stats.ttest_ind(
        sets[RANDOM, "r0"], sets[ANYWHERE, ALL], equal_var=False, alternative="greater"
    )
    found = minus(a, b)
    assert_allclose(found.test, [expected.statistic, expected.pvalue], rtol=1e-9)
    assert found.degrees_of_freedom == pytest.approx(expected.df)


def test_the_mean_over_regions_adds_their_variances():
    sets = _sets(np.random.default_rng(4), regions=3, spread=[0.5, 1.0, 4.0])
    each = [in_region(sets, INFLUENCE, name) for name in regions_of(sets, INFLUENCE)]
    found = over_regions(sets, INFLUENCE)
    errors = [estimate.standard_error for estimate in each]
    assert found.value == pytest.approx(np.mean([estimate.value for estimate in each]))
    assert found.standard_error == pytest.approx(np.sqrt(np.square(errors).sum()) / 3)
    assert found.degrees_of_freedom is not None
    assert 4 < found.degrees_of_freedom < 12, "between those of one region and of all"


def test_what_cannot_be_known_is_null():
    lone: Sets = {(INFLUENCE, "r"): np.array([1.0]), (RANDOM, "r"): np.array([0.0])}
    alike: Sets = {(INFLUENCE, "r"): np.array([1.0]), (RANDOM, "r"): np.zeros(5)}
    none: Sets = {(INFLUENCE, "r"): np.array([1.0])}
    for estimate in (
        beyond_control(lone, INFLUENCE, "r"),
        beyond_control(alike, INFLUENCE, "r"),
        in_region(none, INFLUENCE, "r"),
        mean_of([beyond_control(alike, INFLUENCE, "r"), Estimate(1.0)]),
        of_sample([1.0]),
    ):
        assert estimate.value > 0
        assert (estimate.standard_error, estimate.degrees_of_freedom) == (None, None)
        assert estimate.interval == estimate.test == (None, None)
    known = beyond_control(_sets(np.random.default_rng(1)), INFLUENCE, "r0")
    assert minus(known, Estimate(1.0)).standard_error is None, "one half of the error is unknown"


STUDIES = 1500
FEWEST, MOST = stats.binom.interval(0.999, STUDIES, 0.05)


def _rejections(make, studies: int = STUDIES) -> dict[tuple[str, str, str], int]:
    """Studies of four benchmarks in which each test says p < 0.05, by level, control and unit."""
    found: dict[tuple[str, str, str], int] = {}
    for seed in range(studies):
        rng = np.random.default_rng(seed)
        rows = [list(compared(make(rng))) for _ in range(4)]
        single = [
            ("region" if r != ALL else "benchmark", b, u, e) for (r, _, b, u), _, e in rows[0]
        ]
        pooled = [("all", b, u, e) for (_, _, b, u), _, e in over_benchmarks(rows)]
        # One region and one benchmark of each study, so that its decisions are independent.
        for level, control, unit, estimate in {row[:3]: row for row in single + pooled}.values():
            p_value = estimate.test[1]
            key = (level, control, unit)
            found[key] = found.get(key, 0) + (p_value is not None and p_value < 0.05)
    return found


@pytest.mark.slow
def test_without_an_effect_five_percent_are_called():
    """Regions differ in mean and fourfold in spread, alike in influence and random sets."""
    found = _rejections(lambda rng: _sets(rng, spread=rng.uniform(0.5, 2, 2)))
    in_region = {key: count for key, count in found.items() if key[1] == RANDOM}
    assert {key[0] for key in in_region} == {"region", "benchmark", "all"}
    assert FEWEST <= in_region["region", RANDOM, "set"] <= MOST
    assert FEWEST <= in_region["all", RANDOM, "region"] <= MOST
    # Satterthwaite's degrees are a little cautious with few sets.
    assert all(0.02 * STUDIES < count <= MOST for count in in_region.values()), in_region


@pytest.mark.slow
def test_against_anywhere_five_percent_are_called_at_most():
    def make(rng) -> Sets:
        return {key: rng.normal(size=len(values)) for key, values in _sets(rng).items()}

    found = _rejections(make)
    anywhere = {key[0]: count for key, count in found.items() if key[1] == ANYWHERE}
    assert set(anywhere) == {"region", "benchmark", "all"}
    assert all(0.02 * STUDIES < count <= MOST for count in anywhere.values()), anywhere


@pytest.mark.slow
def test_an_effect_of_four_spreads_is_found():
    """In a single region with five controls in four of five studies, over two nearly always."""
    found = _rejections(lambda rng: _sets(rng, effect=4.0), studies=300)
    assert found["region", RANDOM, "set"] > 0.75 * 300
    assert found["benchmark", RANDOM, "set"] > 0.97 * 300
    assert found["all", RANDOM, "set"] == 300
