"""Agreement of methods: known cases, invariants, and that draws are shared and reproducible."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal
from scipy import stats

from influence_warehouse.errors import FactError
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.warehouse.agreement import (
    Side,
    correlation_columns,
    document_columns,
    overlap_columns,
)
from tests.synthetic import BENCHMARKS, METHOD, MODEL, PLANTED_TOPICS, TOP_K, SyntheticLake
from tests.synthetic_methods import (
    ALL_METHODS,
    KIN,
    NOISE,
    RANDOM,
    TWIN,
    methods_lake,
    scores_of,
    with_methods,
)

AGREEMENT, DIFFERENCE = "agreement_inference", "difference_inference"
REGIONS = ("bin", "topic", "format")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> SyntheticLake:
    return methods_lake(tmp_path_factory.mktemp("methods"))


@pytest.fixture(scope="module")
def agreement(world) -> pl.DataFrame:
    return world.lake.read(AGREEMENT, MODEL)


@pytest.fixture(scope="module")
def differences(world) -> pl.DataFrame:
    return world.lake.read(DIFFERENCE, MODEL)


def of_pair(table: pl.DataFrame, a: str, b: str) -> pl.DataFrame:
    return table.filter(method_a=a, method_b=b)


def test_every_pair_stands_once_at_every_level(agreement, differences):
    pairs = len(ALL_METHODS) * (len(ALL_METHODS) - 1) // 2
    assert len(agreement) == pairs * len(BENCHMARKS) * 4
    assert set(differences["level"]) == set(REGIONS)
    order = [ALL_METHODS.index(name) for name in agreement["method_a"]]
    later = [ALL_METHODS.index(name) for name in agreement["method_b"]]
    assert all(a < b for a, b in zip(order, later, strict=True))


def test_a_method_agrees_with_itself(agreement, differences):
    """In another unit, too: neither ranks nor standardized support have one."""
    same = of_pair(agreement, METHOD, TWIN)
    assert_allclose(same["spearman"], 1)
    assert_allclose(same["spearman_low"], 1, atol=1e-4)
    documents = same.filter(level="document")
    assert_allclose(documents["overlap"], 1)
    assert documents["overlap_low"].null_count() == len(BENCHMARKS), "nothing varies"
    own = of_pair(differences, METHOD, TWIN)
    assert_allclose(own["difference"], 0, atol=1e-9)
    assert own["p_value"].null_count() == len(own)


def test_controls_agree_with_nothing(agreement, differences):
    pairs = [(METHOD, RANDOM), (KIN, NOISE), (RANDOM, NOISE)]
    found = pl.concat([of_pair(agreement, *pair) for pair in pairs])
    misses = found.filter((pl.col("spearman_low") > 0) | (pl.col("spearman_high") < 0))
    # 48 intervals of 95 %: more than six misses have a chance below 1 %.
    assert found["spearman_low"].null_count() == 0 and len(misses) <= 6
    chance = found.filter(level="document")
    low, high, expected = (chance[f"overlap{end}"] for end in ("_low", "_high", "_by_chance"))
    # Clusters that all have the same count say nothing of how much they vary.
    known = low.is_not_null() & (chance["overlap"] > 0)
    assert ((low <= expected) & (expected <= high)).filter(known).mean() >= 0.75
    alone = of_pair(differences, RANDOM, NOISE).filter(level="topic")
    assert ((alone["simultaneous_low"] > 0) | (alone["simultaneous_high"] < 0)).mean() < 0.05


def test_methods_that_see_the_same_truth_agree(agreement):
    kin = of_pair(agreement, METHOD, KIN).filter(level="topic")
    assert kin["spearman"].min() > 0.3 and (kin["spearman_low"] > 0).mean() >= 0.75
    random = of_pair(agreement, METHOD, RANDOM).filter(level="topic")
    assert kin["spearman"].mean() > random["spearman"].abs().mean() + 0.3


def test_spearman_is_that_of_the_published_support(world, agreement):
    support = {
        name: world.lake.read("region_inference", f"{MODEL}|{name}").filter(item_subset="all")
        for name in (METHOD, KIN)
    }
    for row in of_pair(agreement, METHOD, KIN).iter_rows(named=True):
        if row["level"] == "document":
            continue
        at = {"benchmark": row["benchmark"], "level": row["level"]}
        a, b = (support[name].filter(**at).sort("region_id")["support"] for name in support)
        assert_allclose(row["spearman"], stats.spearmanr(a, b).statistic, atol=1e-9)
        assert row["n_regions"] == len(a) and row["n_clusters"] == 8 and row["n_shared_items"] == 16


def test_documents_agree_as_scipy_and_sets_say(world, agreement):
    name = next(iter(BENCHMARKS))
    row = (
        of_pair(agreement, METHOD, KIN).filter(level="document", benchmark=name).row(0, named=True)
    )
    first, second = (scores_of(world, method)[name] for method in (METHOD, KIN))
    a, b = (scores.mean(axis=0).astype(np.float32) for scores in (first, second))
    assert_allclose(row["spearman"], stats.spearmanr(a, b).statistic, atol=1e-6)
    tops = [np.argsort(-scores, axis=1, kind="stable")[:, :TOP_K] for scores in (first, second)]
    shared = [len({*x} & {*y}) / TOP_K for x, y in zip(*tops, strict=True)]
    assert_allclose(row["overlap"], np.mean(shared))
    assert row["n_strongest"] == TOP_K and row["n_regions"] == len(a)
    assert_allclose(row["overlap_by_chance"], TOP_K / len(a))
    clusters = world.clusters(name)
    means = np.array([np.mean(np.array(shared)[clusters == c]) for c in np.unique(clusters)])
    half = stats.t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means))
    assert_allclose([row["overlap_low"], row["overlap_high"]],
                    [max(0, means.mean() - half), means.mean() + half])  # fmt: skip


def test_differences_name_what_was_planted(world, differences):
    """A control has no support where the first method has most of it."""
    labels = sorted(world.lake.read("bin_populations")["topic"].unique())
    found = 0
    for name, topics in PLANTED_TOPICS.items():
        rows = of_pair(differences, METHOD, RANDOM).filter(level="topic", benchmark=name)
        assert_allclose(rows["difference"], rows["standardized_a"] - rows["standardized_b"])
        surest = rows.sort(pl.col("difference") / pl.col("standard_error"), descending=True)
        found += len({labels[number] for number in surest["region_id"][:3]} & {*topics})
    assert found >= 7, "of 8 planted topics"


def test_errors_are_those_of_two_methods_drawn_together(world, agreement, differences):
    """Apart, documents and items of a kin would be counted twice: together they mostly cancel."""
    rows = of_pair(differences, METHOD, KIN).filter(level="topic")
    apart = of_pair(differences, METHOD, NOISE).filter(level="topic")
    assert rows["standard_error"].mean() < apart["standard_error"].mean()
    assert (rows["low"] < rows["high"]).all()
    assert (rows["simultaneous_low"] < rows["low"]).all()


def test_equal_inputs_give_equal_bytes_and_shards_change_nothing(world, agreement, tmp_path):
    make_fact(world.study, world.lake, AGREEMENT, MODEL)
    two = methods_lake(tmp_path / "two", (METHOD, KIN))
    one = methods_lake(tmp_path / "one", (METHOD, KIN), shards=1)
    found = [each.lake.read(AGREEMENT, MODEL) for each in (two, one)]
    assert_frame_equal(*found, rel_tol=1e-9)
    # Other methods change nothing of a pair.
    assert_frame_equal(found[0], of_pair(agreement, METHOD, KIN), rel_tol=1e-9)


def test_a_method_that_is_added_changes_the_facts_of_agreement_alone(tmp_path):
    world = methods_lake(tmp_path, (METHOD,))
    assert world.lake.read(AGREEMENT, MODEL).is_empty(), "one method has nothing to agree with"
    files = {path: path.read_bytes() for path in world.home.lake.rglob("*.parquet")}
    with_methods(replace(world), (METHOD, RANDOM))
    changed = {path for path, held in files.items() if path.read_bytes() != held}
    compared = {world.lake.path(fact, MODEL) for fact in (AGREEMENT, DIFFERENCE)}
    assert changed == compared | {world.lake.path("study_methods")}


def test_methods_of_other_documents_are_refused(tmp_path):
    world = methods_lake(tmp_path, (METHOD, RANDOM))
    part = f"{MODEL}|{RANDOM}|00001"
    rows = world.lake.read("document_scores", part)
    fewer = rows.filter(pl.col("doc_id") != rows["doc_id"][0])
    world.lake.write("document_scores", fewer, Fingerprint.of("document_scores", other=1), part)
    with pytest.raises(FactError, match="other documents are scored"):
        make_fact(world.study, world.lake, AGREEMENT, MODEL)


def test_constant_profiles_and_few_regions_have_no_correlation():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(50, 9)) / 10
    varied = Side(rng.normal(size=9), noise, noise)
    constant = Side(np.zeros(9), noise, noise)
    columns = correlation_columns(varied, constant)
    assert "spearman" not in columns and np.isnan(columns["signal_share_b"])
    few = Side(varied.values[:2], noise[:, :2], noise[:, :2])
    assert "spearman" not in correlation_columns(few, few)
    assert "spearman" not in document_columns(np.zeros(20), np.arange(20.0))


def test_a_score_that_is_no_support_is_common_to_nobody():
    places = pl.DataFrame({"item_id": ["a"] * 4, "doc_id": list("wxyz"), "score": [2.0, 1, 0, -1]})
    assert overlap_columns(places, places, np.zeros(1, int), 8)["overlap"] == 0.5


@pytest.mark.slow
def test_intervals_cover_what_other_items_and_documents_give():
    """Of profiles with known signal: the mean Spearman of repeats lies in 95 % of intervals."""
    rng = np.random.default_rng(5)
    regions, resamples, worlds = 24, 200, 300
    for signal, together in ((1.0, 0.8), (0.5, 0.0), (0.0, 0.0)):
        truth = rng.multivariate_normal([0, 0], [[1, together], [together, 1]], regions).T * signal
        spearmans, intervals = [], []
        for _ in range(worlds):
            sides = [
                Side(one + rng.normal(0, 0.5, regions), rng.normal(0, 0.4, (resamples, regions)),
                     rng.normal(0, 0.3, (resamples, regions)))
                for one in truth
            ]  # fmt: skip
            columns = correlation_columns(*sides)
            spearmans.append(columns["spearman"])
            intervals.append((columns["spearman_low"], columns["spearman_high"]))
        low, high = np.array(intervals).T
        expected = np.mean(spearmans)
        assert np.mean((low <= expected) & (expected <= high)) > 0.92, (signal, together)
