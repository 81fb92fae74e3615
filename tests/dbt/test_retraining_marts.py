"""The marts of retraining on a lake whose outcomes are sums of one method's scores."""

import shutil
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.retraining.quality import QUALITY
from influence_warehouse.taxonomy import bins
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.query import run_query
from tests.synthetic import BENCHMARKS, METHOD, MODEL, PLANTED_TOPICS
from tests.synthetic_methods import KIN, RANDOM, scores_of
from tests.synthetic_retraining import GAIN
from tests.synthetic_unlearning import REGIONS

METHODS = (METHOD, KIN, RANDOM)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ask(retrained) -> Callable[[str], pl.DataFrame]:
    """Rows of a query on the marts."""
    return lambda sql: run_query(retrained.world.home, sql)


def test_quality_has_a_row_for_each_method_and_kind_of_subset(ask):
    rows = ask("from method_quality")
    places = {("leave_out", "topic"), ("halves", "topic"), ("halves", "bucket")}
    assert set(rows.select("design", "unit").rows()) == places
    assert len(rows) == len(places) * len(METHODS) * (len(BENCHMARKS) + 1) * 2
    halves = rows.filter(design="halves")
    assert set(halves.select("n_subsets", "n_tuning_subsets").rows()) == {(9, 3)}
    assert halves["tuning_lds"].null_count() == len(halves), "three subsets grade nothing"
    leave_outs = rows.filter(design="leave_out")
    assert set(leave_outs.select("n_subsets", "n_tuning_subsets").rows()) == {(18, 6)}
    assert leave_outs["tuning_lds"].null_count() == 0
    assert (rows["share_of_ceiling"] * rows["ceiling"] - rows["lds"]).abs().max() < 1e-12


def test_ranks_follow_from_the_pairs_that_are_told_apart(ask):
    rows = ask("from method_quality where benchmark = 'all' and design = 'halves'")
    by = {name: rows.filter(method=name) for name in METHODS}
    assert set(by[METHOD]["best_rank"]) == {1} and set(by[RANDOM]["worst_rank"]) == {3}
    pairs = ask("from method_quality_differences where q_value < 0.05")
    for row in ask("from method_quality").iter_rows(named=True):
        own = pairs.filter(
            *(pl.col(name) == row[name] for name in ("benchmark", "design", "unit", "outcome"))
        )
        better = own.filter((pl.col("method_a") == row["method"]) & (pl.col("difference") < 0))
        better_b = own.filter((pl.col("method_b") == row["method"]) & (pl.col("difference") > 0))
        assert row["best_rank"] == 1 + len(better) + len(better_b)
    assert set(pairs["finding"]) <= {f"{name} predicts better" for name in METHODS}


def test_differences_are_adjusted_over_pairs_and_benchmarks(ask):
    rows = ask("from method_quality_differences where unit = 'topic' and design = 'halves'")
    for is_all in (True, False):
        for outcome in ("margin", "answer_logprob"):
            own = rows.filter((pl.col("benchmark") == "all") == is_all, outcome=outcome)
            expected = stats.false_discovery_control(own["p_value"].to_numpy())
            assert_allclose(own["q_value"].to_numpy(), expected)


def test_effects_are_adjusted_over_regions_and_told_by_their_q(ask):
    rows = ask("from region_effects where outcome = 'margin'")
    for benchmark, topics in PLANTED_TOPICS.items():
        own = rows.filter(benchmark=benchmark)
        expected = stats.false_discovery_control(own["p_value"].to_numpy())
        assert_allclose(own["q_value"].to_numpy(), expected)
        is_planted = pl.col("region").is_in(topics)
        assert own.filter(is_planted)["effect"].mean() > own.filter(~is_planted)["effect"].mean()
    told = rows.filter(pl.col("q_value") < 0.05)
    assert (told["finding"].replace({"supports": "1", "hurts": "-1"}).cast(pl.Int8)
            == told["effect"].sign()).all()  # fmt: skip
    rest = rows.filter(pl.col("q_value") >= 0.05)
    assert set(rest["finding"]) == {"not told from no effect"}


def test_left_out_documents_are_those_of_the_topic(retrained, ask):
    topics = [bins()[number].topic for number in retrained.world.bin_of]
    for region, n in ask("select distinct region, n_left_out from region_effects").iter_rows():
        assert n == topics.count(region)


def test_influence_is_the_sum_over_a_regions_documents_and_the_scale_least_squares(retrained, ask):
    rows = ask("from influence_versus_effect where outcome = 'margin'")
    world = retrained.world
    topics = np.array([bins()[number].topic for number in world.bin_of])
    for (method, benchmark), own in rows.group_by("method", "benchmark"):
        scores = scores_of(world, method)[benchmark].mean(axis=0)
        expected = [scores[topics == region].sum() for region in own["region"]]
        assert_allclose(own["influence_sum"].to_numpy(), expected, rtol=1e-9, atol=1e-12)
        effects = own["effect"].to_numpy()
        scale = np.dot(expected, effects) / np.dot(expected, expected)
        assert_allclose(own["scale"].to_numpy(), scale)
        assert_allclose(own["residual"].to_numpy(), effects - scale * np.array(expected))
        assert_allclose(own["effect_rank"].to_numpy(), stats.rankdata(-effects))
        planted = set(own.filter(pl.col("is_planted"))["region"])
        assert planted == set(PLANTED_TOPICS[benchmark])
    true = rows.filter(method=METHOD)
    assert_allclose(true["scale"].to_numpy(), GAIN, rtol=0.25)
    assert true["residual"].std() < true["effect"].std() / 1.5


def test_unlearning_is_compared_where_a_region_was_both_forgotten_and_left_out(ask):
    rows = ask("from unlearning_versus_retraining")
    topics = {(b, r) for b, names in REGIONS.items() for r in names if "." not in r}
    assert set(rows.select("benchmark", "region").rows()) == topics
    assert set(rows["condition"]) == {"influence_in_topic", "random_in_topic"}
    for (_condition,), own in rows.group_by("condition"):
        expected = stats.spearmanr(own["damage"], own["effect"]).statistic
        assert_allclose(own["spearman"].to_numpy(), expected)
        assert set(own["n_pairs"]) == {len(own)} == {len(topics) * len(BENCHMARKS)}
        assert set(own["n_regions"]) == {len(topics)}


def test_without_retraining_the_marts_are_there_and_empty(world):
    for mart in (
        *("region_effects", "method_quality", "method_quality_differences"),
        *("influence_versus_effect", "unlearning_versus_retraining"),
    ):
        assert run_query(world.home, f"from {mart}").is_empty()


@pytest.mark.alone
def test_a_control_that_predicts_fails_its_check_by_name(retrained, tmp_path):
    """Noise with an LDS that is not 0 within its error: the build says which test failed."""
    folder = tmp_path / "copy"
    shutil.copytree(retrained.world.home.path.parent, folder)
    world = retrained.world.moved_to(folder)
    rows = world.lake.read(QUALITY, MODEL)
    leak = (
        (pl.col("method") == RANDOM) & (pl.col("unit") == "topic") & (pl.col("role") == "grading")
    )
    changed = rows.with_columns(
        lds=pl.when(leak).then(0.5).otherwise("lds"),
        low=pl.when(leak).then(0.4).otherwise("low"),
        high=pl.when(leak).then(0.6).otherwise("high"),
        p_value=pl.when(leak).then(1e-6).otherwise("p_value"),
    )
    world.lake.write(QUALITY, changed, Fingerprint.of(QUALITY, test=1), MODEL)
    with pytest.raises(WarehouseError, match="random_predicts_nothing"):
        build_warehouse(world.study, world.lake)
