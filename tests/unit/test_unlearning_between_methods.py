"""Regions by one method against regions by another: known differences, errors and their unit."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.unlearning.between_methods import method_damage_table
from tests.synthetic import BENCHMARKS
from tests.synthetic_methods import drawn_damage

KEY = {"condition": "influence_in_topic", "measure": "margin"}


def table(**runs: pl.DataFrame) -> pl.DataFrame:
    return method_damage_table(runs).filter(**KEY)


def test_a_method_that_hurts_more_is_told_from_one_that_does_not():
    found = table(a=drawn_damage(1.0, 1), b=drawn_damage(0.0, 2))
    assert found["benchmark"].to_list() == [*sorted(BENCHMARKS), "all"]
    assert (found["difference"] > 0.7).all() and (found["low"] > 0).all()
    assert (found["p_value"] < 0.05).all()
    each = found.filter(pl.col("benchmark") != "all")
    assert each.select("n_regions_a", "n_regions_b", "n_shared_regions", "n_seeds").unique().rows(
    ) == [(2, 2, 1, 2)]  # fmt: skip
    total = found.filter(benchmark="all").row(0, named=True)
    assert_allclose(total["difference"], each["difference"].mean())
    assert total["n_regions_a"] == 8 and total["standard_error"] < each["standard_error"].min()


def test_a_method_against_itself_differs_by_nothing():
    same = drawn_damage(1.0, 1)
    found = table(a=same, b=same)
    assert_allclose(found["difference"], 0)
    assert ((found["low"] < 0) & (found["high"] > 0)).all() and (found["p_value"] == 1).all()
    assert (found["n_shared_regions"] == found["n_regions_a"]).all()


def test_the_error_is_that_of_forget_sets_whose_seeds_are_averaged():
    a, b = drawn_damage(1.0, 1), drawn_damage(0.0, 2)
    benchmark = next(iter(BENCHMARKS))
    row = table(a=a, b=b).filter(benchmark=benchmark).row(0, named=True)

    def sets(rows: pl.DataFrame, region: str) -> np.ndarray:
        own = rows.filter(
            benchmark=benchmark, condition="random_in_topic", region=region, measure="margin"
        )
        return own.group_by("set_number").agg(pl.col("damage").mean())["damage"].to_numpy()

    spread = {
        (name, region): sets(rows, region).var(ddof=1)
        for name, rows, region in (
            ("a", a, "health"),
            ("a", a, "topic_1"),
            ("b", b, "health"),
            ("b", b, "topic_2"),
        )
    }
    # What the region that both chose shows is one part: its random sets are the same documents.
    parts = [spread["a", "health"] + spread["b", "health"], spread["a", "topic_1"],
             spread["b", "topic_2"]]  # fmt: skip
    variance = sum(parts) / 4
    assert_allclose(row["standard_error"], np.sqrt(variance))
    freedom = variance**2 / sum((part / 4) ** 2 / 5 for part in parts)
    assert_allclose(row["degrees_of_freedom"], freedom)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    assert_allclose([row["low"], row["high"]], [row["difference"] - half, row["difference"] + half])
    t = row["difference"] / np.sqrt(variance)
    assert_allclose(row["p_value"], 2 * stats.t.sf(abs(t), freedom))


def test_seeds_that_one_method_alone_ran_are_left_out():
    a, b = drawn_damage(1.0, 1), drawn_damage(0.0, 2).filter(seed=1)
    paired = table(a=a, b=b)
    assert set(paired["n_seeds"]) == {1}
    assert paired.equals(table(a=a.filter(seed=1), b=b))
    assert table(a=a.filter(seed=2), b=b).is_empty()


@pytest.mark.parametrize("runs", [{}, {"a": drawn_damage(1.0, 1)}])
def test_one_method_is_compared_with_none(runs):
    assert method_damage_table(runs).is_empty()


def test_without_random_sets_there_is_a_difference_and_no_error():
    a, b = (drawn_damage(1.0, n).filter(condition="influence_in_topic") for n in (1, 2))
    found = table(a=a, b=b)
    assert found["difference"].null_count() == 0
    assert found["standard_error"].null_count() == found["p_value"].null_count() == len(found)


def test_false_positives_are_at_most_what_is_said():
    """Two methods whose sets are like random ones of their regions."""
    found = [
        table(a=drawn_damage(0.0, 2 * n), b=drawn_damage(0.0, 2 * n + 1)).filter(benchmark="all")
        for n in range(150)
    ]
    p_values = np.array([rows["p_value"].item() for rows in found])
    assert np.mean(p_values < 0.05) <= 0.10
