"""Paired tests of unlearning: pairing, scipy by hand, and how often they are right."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal
from scipy import stats

from influence_warehouse.errors import FactError, HealthError, InputError
from influence_warehouse.study.unlearning import CONDITIONS
from influence_warehouse.unlearning import paired_tests as module
from influence_warehouse.unlearning.paired_tests import (
    COMPARISONS,
    KEY,
    SCHEMA,
    median_interval,
    paired_differences,
    paired_tests,
)

COLUMNS = {
    "benchmark": pl.String, "condition": pl.String, "region": pl.String,
    "seed": pl.Int64, "measure": pl.String, "damage": pl.Float64,
}  # fmt: skip
IN_TOPIC = COMPARISONS[0]
CELLS = ["benchmark", "region", "seed"]


def _frame(rows: list[tuple]) -> pl.DataFrame:
    """Rows of one item: what its damage comes to is the damage of the run."""
    return pl.DataFrame(rows, schema=COLUMNS, orient="row").with_columns(item_id=pl.lit("i"))


def _runs(condition: str, damage: np.ndarray) -> pl.DataFrame:
    """Runs of one condition from an array [benchmarks, regions, seeds]."""
    return _frame(
        [
            (f"b{b}", condition, f"r{r}", s, "margin", value)
            for (b, r, s), value in np.ndenumerate(damage)
        ]
    )


def _control(seeds: np.ndarray) -> pl.DataFrame:
    """Runs of random_global from an array [benchmarks, seeds]."""
    return _runs("random_global", seeds[:, None]).with_columns(region=pl.lit("all"))


def _test(frame: pl.DataFrame, seed: int = 0, resamples: int = 50) -> pl.DataFrame:
    return paired_tests(frame, seed, resamples)


def _row(found: pl.DataFrame, benchmark: str, test: str, pair: tuple[str, str] = IN_TOPIC) -> dict:
    return found.row(
        by_predicate=(pl.col("benchmark") == benchmark)
        & (pl.col("test") == test)
        & (pl.col("condition_a") == pair[0])
        & (pl.col("condition_b") == pair[1]),
        named=True,
    )


@st.composite
def _studies(draw) -> pl.DataFrame:
    """Runs of 2 benchmarks x 2 regions x 2 seeds, some missing; coarse damages tie, others not."""
    places = [
        (f"b{b}", condition, region, seed, measure)
        for b in range(2)
        for condition in CONDITIONS
        for region in (["all"] if condition.endswith("_global") else ["r0", "r1"])
        for seed in range(2)
        for measure in ("accuracy", "margin")
    ]
    missing = draw(st.sets(st.sampled_from(places), max_size=len(places) - 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**31 - 1)))
    damage = rng.normal(size=len(places))
    if draw(st.booleans()):
        damage = np.round(damage * 4) / 20
    rows = [(*place, value) for place, value in zip(places, damage, strict=True)]
    return _frame([row for row in rows if row[:-1] not in missing])


@given(_studies(), st.integers(0, 2**31 - 1))
@settings(max_examples=25, deadline=None)
def test_row_order_of_the_input_changes_no_bit(frame, seed):
    shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
    found = _test(frame, seed=seed, resamples=20)
    assert_frame_equal(found, _test(shuffled, seed=seed, resamples=20), check_exact=True)
    assert found.schema == pl.Schema(SCHEMA)
    assert found.equals(found.sort(KEY)) and not found.select(KEY).is_duplicated().any()


@given(_studies(), st.data())
@settings(max_examples=40, deadline=None)
def test_a_missing_run_drops_its_own_pairs_alone(frame, data):
    run = frame.row(data.draw(st.integers(0, len(frame) - 1)), named=True)
    same = pl.all_horizontal(pl.col(c) == run[c] for c in [*CELLS, "condition", "measure"])
    before, after = paired_differences(frame), paired_differences(frame.filter(~same))
    side = pl.any_horizontal(
        (pl.col(side) == run["condition"])
        # Against a global control a region's run enters a mean over regions.
        & ((pl.col("region") == run["region"]) | (pl.col("region") == "all"))
        for side in ("condition_a", "condition_b")
    )
    at_run = pl.all_horizontal(pl.col(c) == run[c] for c in ("benchmark", "seed", "measure"))
    touched = side & at_run
    assert_frame_equal(after.filter(~touched), before.filter(~touched), check_exact=True)
    in_pairs = touched & (pl.col("condition_b") == "random_in_topic")
    assert after.filter(in_pairs).is_empty()


@given(_studies())
@settings(max_examples=25, deadline=None)
def test_rows_do_not_depend_on_which_others_exist(frame):
    alone = frame.filter(
        pl.col("benchmark") == "b0", pl.col("measure") == "margin",
        pl.col("condition").is_in(IN_TOPIC),
    )  # fmt: skip
    rows = pl.all_horizontal(
        pl.col("benchmark") == "b0", pl.col("measure") == "margin",
        pl.col("condition_a") == IN_TOPIC[0], pl.col("condition_b") == IN_TOPIC[1],
    )  # fmt: skip
    assert_frame_equal(_test(alone).filter(rows), _test(frame).filter(rows), check_exact=True)


@given(_studies())
@settings(max_examples=15, deadline=None)
def test_the_opposite_damages_move_p_to_the_other_tail(frame):
    found = _test(frame)
    opposite = _test(frame.with_columns(damage=-pl.col("damage")))
    assert_frame_equal(found.select(KEY), opposite.select(KEY))
    assert_allclose(opposite["median_difference"], -found["median_difference"])
    for low, high in (("median_low", "median_high"), ("median_high", "median_low")):
        assert_allclose(_floats(opposite[low]), -_floats(found[high]), atol=1e-9)
    t = found["test"] == "t_region_means"
    assert_allclose(_floats(opposite["statistic"])[t], -_floats(found["statistic"])[t], rtol=1e-6)
    assert_allclose(_floats(opposite["p_value"])[t], 1 - _floats(found["p_value"])[t], atol=1e-9)
    # The signed-rank p counts the observed value in both tails, so the two add to 1 or more.
    both = (_floats(opposite["p_value"]) + _floats(found["p_value"]))[~t]
    assert (both >= 1 - 1e-9).all()


def _floats(column: pl.Series) -> np.ndarray:
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def test_p_and_statistic_are_scipys_on_differences_taken_by_hand():
    rng = np.random.default_rng(4)
    a, b = rng.normal(0.3, 1, (2, 3, 4)), rng.normal(0, 1, (2, 3, 4))
    found = _test(pl.concat([_runs(IN_TOPIC[0], a), _runs(IN_TOPIC[1], b)]))
    for slug, d in (("all", a - b), ("b0", (a - b)[:1]), ("b1", (a - b)[1:])):
        cells, means = d.ravel(), d.mean(axis=2).ravel()
        wilcoxon, t = (_row(found, slug, test) for test in ("wilcoxon", "t_region_means"))
        by_ranks = stats.wilcoxon(cells, alternative="greater", zero_method="wilcox")
        by_means = stats.ttest_1samp(means, 0, alternative="greater")
        for row, expected in ((wilcoxon, by_ranks), (t, by_means)):
            assert_allclose([row["statistic"], row["p_value"]], expected, rtol=1e-9)
            assert row["n_cells"] == len(cells)
            assert_allclose(row["median_difference"], np.median(cells), rtol=1e-9)
            assert row["median_low"] < row["median_difference"] < row["median_high"]
        assert (wilcoxon["n_units"], t["n_units"]) == (len(cells), len(means))
        assert wilcoxon["median_low"] == t["median_low"], "one interval for both tests"


def test_a_global_control_meets_the_mean_over_regions_once():
    in_topic = np.arange(12.0).reshape(2, 3, 2) ** 2
    control = np.array([[0.5, 1.0], [2.0, 4.0]])
    pairs = paired_differences(
        pl.concat([_runs("influence_in_topic", in_topic), _control(control)])
    )
    assert pairs.select(CELLS).rows() == [(f"b{b}", "all", s) for b in range(2) for s in range(2)]
    assert_allclose(pairs["difference"], (in_topic.mean(axis=1) - control).ravel())
    assert set(pairs["condition_b"]) == {"random_global"}


def test_items_are_tested_on_their_means_over_pairs():
    rng = np.random.default_rng(4)
    damage = {condition: rng.normal(0.2, 1, size=(2, 2, 3, 20)) for condition in IN_TOPIC}
    frame = pl.DataFrame(
        [
            (f"b{b}", condition, f"r{r}", s, "margin", value, f"i{i:02d}")
            for condition, values in damage.items()
            for (b, r, s, i), value in np.ndenumerate(values)
        ],
        schema=COLUMNS | {"item_id": pl.String},
        orient="row",
    )
    found = _test(frame)
    means = (damage[IN_TOPIC[0]] - damage[IN_TOPIC[1]]).mean(axis=(1, 2))
    for benchmark, values in {"b0": means[0], "b1": means[1], "all": means.ravel()}.items():
        row = _row(found, benchmark, "wilcoxon_items")
        assert row["n_units"] == values.size
        expected = stats.wilcoxon(values, alternative="greater")
        assert_allclose([row["statistic"], row["p_value"]], [*expected], rtol=1e-9)
    cells = (damage[IN_TOPIC[0]] - damage[IN_TOPIC[1]]).mean(axis=3)
    expected = stats.wilcoxon(cells[0].ravel(), alternative="greater")
    assert_allclose(_row(found, "b0", "wilcoxon")["p_value"], expected.pvalue)


def test_global_runs_pair_by_benchmark_and_the_units_are_benchmarks():
    control = np.array([[0.5, 1.0], [2.0, 4.0]])
    frame = _control(control)
    # What a global run names its region plays no part.
    influence = frame.with_columns(
        condition=pl.lit("influence_global"), damage=pl.col("damage") * 3, region=pl.lit("any")
    )
    found = _test(pl.concat([frame, influence]))
    pair = COMPARISONS[2]
    assert _row(found, "all", "t_region_means", pair)["n_units"] == 2
    assert _row(found, "b0", "t_region_means", pair)["n_units"] == 1
    assert _row(found, "b0", "wilcoxon", pair)["n_cells"] == 2
    assert_allclose(_row(found, "b1", "wilcoxon", pair)["median_difference"], 6.0)


def test_equal_differences_of_accuracies_tie_in_spite_of_rounding():
    a = np.array([[[0.85, 0.35], [0.7, 0.4]]])
    b = np.array([[[0.80, 0.30], [0.8, 0.3]]])
    assert len(np.unique(np.abs(a - b))) == 4, "as floats they differ"
    found = _test(pl.concat([_runs(IN_TOPIC[0], a), _runs(IN_TOPIC[1], b)]))
    row = _row(found, "b0", "wilcoxon")
    expected = stats.wilcoxon([1, 1, -2, 2], alternative="greater", zero_method="wilcox")
    assert (row["statistic"], row["p_value"]) == tuple(expected)


def test_no_difference_is_no_evidence_and_no_spread_gives_no_t():
    same = np.full((1, 2, 3), 0.1)
    for shift, p in ((0.0, 1.0), (0.2, 1 / 64)):
        found = _test(pl.concat([_runs(IN_TOPIC[0], same + shift), _runs(IN_TOPIC[1], same)]))
        assert_allclose(_row(found, "b0", "wilcoxon")["p_value"], p)
        t = _row(found, "b0", "t_region_means")
        assert t["statistic"] is None and t["p_value"] is None and t["n_units"] == 2
        assert_allclose([t["median_low"], t["median_high"]], shift)
    assert _row(_test(pl.concat([_runs(c, same) for c in IN_TOPIC])), "all", "wilcoxon")[
        "statistic"
    ] == 0  # fmt: skip


def test_one_region_has_no_t_and_no_interval_and_no_pair_has_no_row():
    rng = np.random.default_rng(0)
    runs = [_runs(condition, rng.normal(size=(1, 1, 3))) for condition in IN_TOPIC]
    found = _test(pl.concat(runs))
    assert len(found) == 6 and found["median_difference"].null_count() == 0
    assert found["median_low"].null_count() == found["median_high"].null_count() == 6
    assert _row(found, "b0", "t_region_means")["p_value"] is None
    for unpaired in (runs[0], _frame([])):
        assert _test(unpaired).is_empty() and _test(unpaired).schema == pl.Schema(SCHEMA)


def test_the_seed_moves_the_interval_and_nothing_else():
    rng = np.random.default_rng(0)
    frame = pl.concat([_runs(condition, rng.normal(size=(2, 3, 3))) for condition in IN_TOPIC])
    first, other = _test(frame, seed=1), _test(frame, seed=2)
    assert_frame_equal(first, _test(frame, seed=1), check_exact=True)
    rest = pl.exclude("median_low", "median_high")
    assert_frame_equal(first.select(rest), other.select(rest), check_exact=True)
    assert (first["median_low"] != other["median_low"]).any()


@pytest.mark.parametrize("cells_at_once", [1_000_000, 7000])
def test_the_interval_is_that_of_a_plain_two_stage_bootstrap(monkeypatch, cells_at_once):
    """Against a loop that says what is meant, with regions of unequal numbers of seeds."""
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", cells_at_once)
    rng = np.random.default_rng(1)
    regions = [rng.normal(5, 1, size) + rng.normal(0, 1) for size in (3, 1, 2, 3, 5)]
    plain = []
    for _ in range(4000):
        drawn = [regions[i] for i in rng.integers(5, size=5)]
        plain.append(np.median(np.concatenate([rng.choice(r, len(r)) for r in drawn])))
    low, high = median_interval(regions, 4000, np.random.default_rng(2))
    assert low is not None and high is not None
    # A resampled median takes few values: an end may lie anywhere between two of them.
    assert np.mean(np.less(plain, low)) < 0.035 and np.mean(np.less_equal(plain, low)) > 0.015
    assert np.mean(np.greater(plain, high)) < 0.035
    assert np.mean(np.greater_equal(plain, high)) > 0.015


def test_damages_that_cannot_be_told_apart_or_are_not_finite_are_refused():
    frame = _runs(IN_TOPIC[0], np.ones((1, 1, 2)))
    with pytest.raises(FactError, match=r"b0.*r0.*more than once.*Remedy"):
        _test(pl.concat([frame, frame[:1]]))
    with pytest.raises(InputError, match=r"benchmark 'all'.*Remedy"):
        _test(frame.with_columns(benchmark=pl.lit("all")))
    for bad in (None, np.nan, np.inf):
        broken = frame.with_columns(damage=pl.lit(bad, pl.Float64))
        with pytest.raises(HealthError, match=r"b0.*r0.*Remedy"):
            _test(broken)


SHAPE = (4, 2, 3)
WITHIN = 0.5 / np.sqrt(2)  # of either condition: the difference has a spread of 0.5


def _pooled(make, studies: int, resamples: int) -> dict[str, pl.DataFrame]:
    """Pooled rows over `studies` simulated studies, seeds 0 to studies - 1, by test."""
    rows = [
        _test(make(np.random.default_rng(seed)), seed, resamples).filter(benchmark="all")
        for seed in range(studies)
    ]
    found = pl.concat(rows)
    return {test: found.filter(test=test) for test in ("wilcoxon", "t_region_means")}


def _rejected(rows: pl.DataFrame) -> float:
    return len(rows.filter(pl.col("p_value") < 0.05)) / len(rows)


def _two_conditions(rng, in_both: np.ndarray, in_one: np.ndarray) -> pl.DataFrame:
    a = in_both + in_one + rng.normal(0, WITHIN, SHAPE)
    return pl.concat(
        [_runs(IN_TOPIC[0], a), _runs(IN_TOPIC[1], in_both + rng.normal(0, WITHIN, SHAPE))]
    )


def _between(rng, mean: float, spread: float) -> np.ndarray:
    return rng.normal(mean, spread, (*SHAPE[:2], 1))


FEWEST, MOST = stats.binom.interval(0.99, 500, 0.05)


@pytest.mark.slow
def test_no_effect_is_called_significant_in_five_percent_of_studies():
    """Regions differ, alike in both conditions: measured 0.062 (Wilcoxon), 0.042 (t)."""
    found = _pooled(lambda rng: _two_conditions(rng, _between(rng, 0, 1), np.zeros(1)), 500, 2)
    for rows in found.values():
        # Both ends: a test that never rejects is broken too.
        assert FEWEST <= _rejected(rows) * 500 <= MOST


@pytest.mark.slow
def test_only_the_t_on_region_means_stands_effects_that_regions_have_of_their_own():
    """Mean 0, spread 1 between regions, in one condition: 0.15 (Wilcoxon), 0.05 (t)."""
    found = _pooled(lambda rng: _two_conditions(rng, np.zeros(1), _between(rng, 0, 1)), 500, 2)
    assert FEWEST <= _rejected(found["t_region_means"]) * 500 <= MOST
    assert _rejected(found["wilcoxon"]) > 0.10


@pytest.mark.slow
def test_a_control_that_regions_share_is_not_counted_twice():
    """One global run per seed against two regions a benchmark; pairing each gave 0.08 to 0.10."""

    def make(rng):
        in_topic = _runs("influence_in_topic", rng.normal(0, 1, SHAPE))
        return pl.concat([in_topic, _control(rng.normal(0, 1, (4, 3)))])

    for rows in _pooled(make, 500, 2).values():
        assert FEWEST <= _rejected(rows) * 500 <= MOST


@pytest.mark.slow
def test_a_large_effect_is_found_and_the_interval_holds_its_median():
    """Effect 2, spread 1 between regions and 0.5 within: the interval of 95 % covers in 91 %."""
    found = _pooled(lambda rng: _two_conditions(rng, np.zeros(1), _between(rng, 2, 1)), 300, 200)
    for rows in found.values():
        assert _rejected(rows) > 0.97
    covered = found["wilcoxon"].filter(pl.lit(2.0).is_between("median_low", "median_high"))
    assert 0.88 < len(covered) / 300 < 0.98


def test_with_two_regions_the_interval_is_too_narrow():
    """Why one benchmark's interval is no more than a hint: 0.95 asked, about 0.7 held."""
    hits = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        low, high = median_interval(
            list(rng.normal(0, 1, (2, 1)) + rng.normal(0, 0.5, (2, 3))), 200, rng
        )
        assert low is not None and high is not None
        hits += low <= 0 <= high
    assert 0.6 < hits / 300 < 0.8
