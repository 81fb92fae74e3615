"""Tables of damage, selectivity and comparisons, whatever runs there are."""

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
from influence_warehouse.unlearning.inference import (
    COMPARISON_KEY,
    DAMAGE_KEY,
    SELECTIVITY_KEY,
    comparison_table,
    damage_table,
    selectivity_table,
)

NAMES = ("b0", "b1", "b2")
RELATIONS = {
    (a, b): "target" if a == b else "crossed" if {a, b} == {"b0", "b2"} else "one_factor"
    for a in NAMES
    for b in NAMES
}
KEYS = {damage_table: DAMAGE_KEY, comparison_table: COMPARISON_KEY}
RUN = ["benchmark", "condition", "region", "set_number", "seed"]


def _runs(rng, sets: int = 5, seeds: int = 2, effect: float = 0.0) -> pl.DataFrame:
    """Runs of three benchmarks in two regions each, and of the whole sample."""
    rows = [
        (name, condition, region, number, seed, evaluated, measure)
        for name in NAMES
        for condition in CONDITIONS
        for region in (["all"] if condition.endswith("_global") else [f"{name}x", f"{name}y"])
        for number in ([1] if condition.startswith("influence") else range(1, sets + 1))
        for seed in range(seeds)
        for evaluated in NAMES
        for measure in ("accuracy", "margin")
    ]
    frame = pl.DataFrame(rows, schema=[*RUN, "evaluated_benchmark", "measure"], orient="row")
    is_hit = (pl.col("condition") == CONDITIONS[0]) & (
        pl.col("benchmark") == pl.col("evaluated_benchmark")
    )
    noise = pl.Series(rng.normal(size=len(rows)))
    return frame.with_columns(damage=noise + pl.when(is_hit).then(effect).otherwise(0.0))


def _tables(runs: pl.DataFrame) -> list[pl.DataFrame]:
    return [damage_table(runs), selectivity_table(runs, RELATIONS), comparison_table(runs)]


def _values(runs: pl.DataFrame, condition: str, region: str, name: str = "b0") -> np.ndarray:
    """Margin that each set of a condition cost its own benchmark, seeds averaged."""
    own = runs.filter(
        benchmark=name, evaluated_benchmark=name, measure="margin", condition=condition,
        region=region,
    )  # fmt: skip
    return own.group_by("set_number").agg(pl.col("damage").mean())["damage"].to_numpy()


@given(st.integers(0, 99), st.sets(st.integers(0, 200), max_size=60))
@settings(max_examples=15, deadline=None)
def test_tables_depend_on_no_order_and_their_keys_are_keys(seed, missing):
    runs = _runs(np.random.default_rng(seed)).with_row_index()
    runs = runs.filter(~pl.col("index").is_in(list(missing))).drop("index")
    shuffled = runs.sample(fraction=1, shuffle=True, seed=seed)
    keys = (DAMAGE_KEY, SELECTIVITY_KEY, COMPARISON_KEY)
    for table, again, key in zip(_tables(runs), _tables(shuffled), keys, strict=True):
        assert_frame_equal(table, again, check_exact=True)
        assert not table.select(key).is_duplicated().any()
        low, high = "low", "high"
        known = table.drop_nulls(low)
        assert (known[low] <= known[high]).all()
        assert known["standard_error"].min() > 0
        assert (known["degrees_of_freedom"] > 1 - 1e-9).all()


@given(st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_rows_do_not_depend_on_which_other_benchmarks_there_are(seed):
    runs = _runs(np.random.default_rng(seed))
    alone = runs.filter(benchmark="b0")
    for make, key in KEYS.items():
        rows = make(runs).filter(benchmark="b0")
        assert_frame_equal(make(alone).filter(benchmark="b0"), rows, check_exact=True)
        assert rows.height > 0 and key


def test_comparisons_are_scipys_on_sets_taken_by_hand():
    runs = _runs(np.random.default_rng(5), effect=2.0)
    found = comparison_table(runs).filter(measure="margin")

    def row(**of) -> dict:
        return found.filter(**of).row(0, named=True)

    both = {"condition_a": "influence_in_topic", "condition_b": "random_in_topic"}
    x = {name: _values(runs, "influence_in_topic", name) for name in ("b0x", "b0y")}
    y = {name: _values(runs, "random_in_topic", name) for name in ("b0x", "b0y")}
    for name in x:
        region = row(benchmark="b0", region=name, unit="set", **both)
        expected = stats.ttest_ind(x[name], y[name], alternative="greater")
        assert_allclose([region["statistic"], region["p_value"]], expected, rtol=1e-9)
        assert (region["n_sets_a"], region["n_sets_b"], region["n_regions"]) == (1, 5, 1)
    differences = [x[name].mean() - y[name].mean() for name in x]
    variances = [y[name].var(ddof=1) * (1 + 1 / 5) for name in x]
    benchmark = row(benchmark="b0", region="all", unit="set", **both)
    assert benchmark["difference"] == pytest.approx(np.mean(differences))
    assert benchmark["standard_error"] == pytest.approx(np.sqrt(sum(variances)) / 2)
    df = sum(variances) ** 2 / sum(v**2 / 4 for v in variances)
    assert benchmark["degrees_of_freedom"] == pytest.approx(df)
    assert (benchmark["n_sets_a"], benchmark["n_sets_b"], benchmark["n_regions"]) == (2, 10, 2)
    over = row(benchmark="b0", region="all", unit="region", **both)
    expected = stats.ttest_1samp(differences, 0, alternative="greater")
    assert_allclose([over["statistic"], over["p_value"]], expected, rtol=1e-9)
    pooled = row(benchmark="all", region="all", unit="set", **both)
    own = found.filter(region="all", unit="set", **both).filter(pl.col("benchmark") != "all")
    assert pooled["difference"] == pytest.approx(own["difference"].mean())
    error = np.sqrt((own["standard_error"] ** 2).sum()) / 3
    assert pooled["standard_error"] == pytest.approx(error)
    assert (pooled["n_sets_a"], pooled["n_sets_b"], pooled["n_regions"]) == (6, 30, 6)


def test_a_global_control_counts_its_sets_once():
    runs = _runs(np.random.default_rng(6))
    found = comparison_table(runs).filter(
        benchmark="b0", region="all", condition_a="influence_in_topic", condition_b="random_global",
        measure="margin",
    )  # fmt: skip
    (row,) = found.to_dicts()
    assert (row["unit"], row["n_sets_a"], row["n_sets_b"]) == ("set", 2, 5)
    y = _values(runs, "random_global", "all")
    spread = [_values(runs, "random_in_topic", name).var(ddof=1) for name in ("b0x", "b0y")]
    assert row["standard_error"] == pytest.approx(np.sqrt(sum(spread) / 4 + y.var(ddof=1) / 5))


def test_selectivity_is_taken_run_by_run_and_against_random_sets():
    runs = _runs(np.random.default_rng(7), effect=3.0)
    found = selectivity_table(runs, RELATIONS)
    key = {"benchmark": "b0", "region": "b0x", "measure": "margin"}
    effects = {"A/1": ["b1"], "A/C": ["b2"], "A/3": ["b1", "b2"]}
    for effect, others in effects.items():
        lines = {}
        for condition in ("influence_in_topic", "random_in_topic"):
            rows = runs.filter(condition=condition, **key)
            wide = rows.pivot("evaluated_benchmark", index=["set_number", "seed"], values="damage")
            wide = wide.with_columns(value=pl.col("b0") - pl.mean_horizontal(others))
            lines[condition] = wide.group_by("set_number").agg("value")["value"].list.mean()
        x, y = (line.to_numpy() for line in lines.values())
        influence, random = (
            found.filter(condition=name, factor_effect=effect, **key).row(0, named=True)
            for name in lines
        )
        assert influence["estimate"] == pytest.approx(x.mean())
        assert influence["standard_error"] == pytest.approx(y.std(ddof=1))
        assert random["estimate"] == pytest.approx(y.mean())
        assert random["standard_error"] == pytest.approx(y.std(ddof=1) / np.sqrt(5))
        interval = stats.ttest_ind(x, y).confidence_interval(0.95)
        beyond = [influence[f"beyond_random_{end}"] for end in ("low", "high")]
        assert_allclose(beyond, [interval.low, interval.high], rtol=1e-9)
        assert random["beyond_random"] is None


def test_without_random_sets_there_is_a_damage_and_no_error():
    runs = _runs(np.random.default_rng(1)).filter(pl.col("condition").str.starts_with("influence"))
    assert comparison_table(runs).is_empty()
    for table in _tables(runs)[:2]:
        assert table["estimate"].null_count() == 0
        assert table["low"].null_count() == table["standard_error"].null_count() == table.height


def test_damages_that_cannot_be_told_apart_or_are_not_finite_are_refused():
    runs = _runs(np.random.default_rng(1))
    with pytest.raises(FactError, match=r"b0.*more than once.*Remedy"):
        damage_table(pl.concat([runs, runs[:1]]))
    with pytest.raises(InputError, match=r"benchmark 'all'.*Remedy"):
        comparison_table(runs.with_columns(benchmark=pl.lit("all")))
    for bad in (None, np.nan, np.inf):
        broken = runs.with_columns(damage=pl.lit(bad, pl.Float64))
        with pytest.raises(HealthError, match=r"b0.*Remedy"):
            selectivity_table(broken, RELATIONS)
