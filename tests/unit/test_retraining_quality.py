"""Grades of methods as facts, on a lake whose outcomes are sums of one method's scores."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from influence_warehouse.errors import FactError, InputError
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.retraining.effects import region_effects
from influence_warehouse.retraining.grading import LEAST_SUBSETS, grade
from influence_warehouse.retraining.outcomes import OUTCOMES, PREDICTIONS, read_answers, subsets_of
from influence_warehouse.retraining.quality import (
    DIFFERENCES,
    QUALITY,
    kept_sums,
    left_out_of,
    quality_tables,
)
from influence_warehouse.taxonomy import bins
from tests.synthetic import BENCHMARKS, METHOD, MODEL
from tests.synthetic_methods import KIN, RANDOM, TWIN, methods_lake
from tests.synthetic_retraining import (
    BUCKETS,
    COMMON,
    GAIN,
    SyntheticRetraining,
    write_retraining_facts,
)

METHODS = (METHOD, TWIN, KIN, RANDOM)
KEY = ["design", "unit", "method", "benchmark", "outcome", "role"]


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> SyntheticRetraining:
    folder = tmp_path_factory.mktemp("retrained")
    return write_retraining_facts(methods_lake(folder, METHODS, documents=800, items=12))


@pytest.fixture(scope="module")
def quality(truth) -> pl.DataFrame:
    return truth.world.lake.read(QUALITY, MODEL)


def _lds(quality: pl.DataFrame, method: str, **place: str) -> pl.DataFrame:
    return quality.filter(method=method, benchmark="all", role="grading", **place)


def test_every_design_and_unit_is_graded_by_role_benchmark_and_outcome(quality):
    places = {("leave_out", "topic"), ("halves", "topic"), ("halves", "bucket")}
    assert set(quality.select("design", "unit").unique().rows()) == places
    assert quality.select(KEY).is_duplicated().sum() == 0
    assert len(quality) == len(places) * len(METHODS) * (len(BENCHMARKS) + 1) * len(OUTCOMES) * 2
    assert set(quality.filter(design="halves", role="grading")["n_subsets"]) == {9}
    assert set(quality.filter(design="halves", role="tuning")["n_subsets"]) == {3}


def test_true_scores_predict_kin_less_and_noise_nothing(quality):
    for unit in ("topic", "bucket"):
        place = {"design": "halves", "unit": unit}
        best, kin, noise = (
            _lds(quality, name, **place)["lds"].mean() for name in (METHOD, KIN, RANDOM)
        )
        assert best > 0.75 and best > kin > noise and abs(noise) < 0.15
    left_out = {"design": "leave_out"}
    assert _lds(quality, METHOD, **left_out)["lds"].min() > 0.4
    assert _lds(quality, RANDOM, **left_out)["lds"].abs().max() < 0.15


def test_scores_in_another_unit_have_the_same_grade_and_no_difference(truth, quality):
    same = [name for name in quality.columns if name != "method"]
    first, second = (quality.filter(method=name).select(same) for name in (METHOD, TWIN))
    assert first.equals(second)
    pairs = truth.world.lake.read(DIFFERENCES, MODEL)
    twins = pairs.filter(method_a=METHOD, method_b=TWIN)
    assert len(twins) and set(twins["difference"]) == {0.0}
    assert twins["p_value"].null_count() == len(twins)


def test_a_difference_is_that_of_the_grades_and_tells_kin_from_noise(truth, quality):
    pairs = truth.world.lake.read(DIFFERENCES, MODEL)
    graded = quality.filter(role="grading").select(*KEY[:5], "lds")
    for side in "ab":
        renamed = graded.rename({"method": f"method_{side}", "lds": f"found_{side}"})
        pairs = pairs.join(renamed, on=["design", "unit", f"method_{side}", *KEY[3:5]])
    assert (pairs["lds_a"] == pairs["found_a"]).all()
    assert np.allclose(pairs["difference"], pairs["found_a"] - pairs["found_b"])
    told = pairs.filter(method_a=METHOD, method_b=RANDOM, benchmark="all", design="halves")
    assert (told["low"] > 0).all() and (told["p_value"] < 0.05).all()


def test_grades_are_those_of_sums_over_documents_that_are_kept(truth, quality):
    """By hand from the scores of single documents, without the stored sums."""
    world, plan = truth.world, truth.plan
    buckets = np.arange(len(world.doc_ids)) * 7 % BUCKETS
    sets = world.lake.read("retraining_sets", MODEL).filter(unit="bucket")
    own = plan.with_row_index("place").filter(
        unit="bucket", role="grading", seed=world.study.training_seed
    )
    name = next(iter(BENCHMARKS))
    kept = [
        ~np.isin(buckets, sets.filter(subset=subset)["member"].cast(pl.Int64).to_numpy())
        for subset in own["subset"]
    ]
    predicted = np.array(kept).astype(float) @ world.item_scores[name].T
    outcome = truth.margins[name][own["place"].to_numpy()]
    expected = grade(predicted, outcome, world.clusters(name))
    row = quality.filter(
        unit="bucket", method=METHOD, benchmark=name, outcome="margin", role="grading"
    ).row(0, named=True)
    assert row["lds"] == pytest.approx(expected.lds)
    assert row["standard_error"] == pytest.approx(expected.estimate.standard_error)
    assert row["n_clusters"] == expected.n_clusters == 6


def test_the_truth_is_as_sure_as_it_was_made(quality):
    """Chance of an outcome has standard deviation 0.11; its spread over halves follows.

    What a seed does to all subsets alike, 2 nats an item, is no chance in their order.
    """
    sure = quality.filter(role="grading", method=METHOD, benchmark="all", outcome="margin")
    halves = sure.filter(design="halves", unit="topic").row(0, named=True)
    assert halves["n_repeats"] == 3
    assert 0.8 < halves["truth_reliability"] < 1 and 0.8 < halves["ceiling"] < 1
    assert halves["lds"] == pytest.approx(halves["ceiling"], abs=0.12)
    assert sure["truth_unknown_reason"].null_count() == len(sure)


def test_three_subsets_for_tuning_are_too_few_and_say_so(quality):
    few = quality.filter(design="halves", role="tuning")
    assert few["lds"].null_count() == len(few)
    assert set(few["unknown_reason"]) == {f"needs {LEAST_SUBSETS} subsets; 3 are done"}
    assert few["truth_reliability"].null_count() == len(few)


def test_trainings_by_one_seed_show_no_chance(truth):
    one = truth.plan.filter(seed=truth.world.study.training_seed)
    assert len(one) == len(truth.plan) - 3 - 3 * 6
    study = truth.world.study
    tables = quality_tables(study.narrowed(MODEL), truth.world.lake, one)
    assert tables[QUALITY]["ceiling"].null_count() == len(tables[QUALITY])
    assert tables[QUALITY]["truth_unknown_reason"].str.contains("trained again").all()
    effects = region_effects(truth.world.lake, one, study.training_seed)
    assert effects["standard_error"].null_count() == len(effects)
    assert effects["unknown_reason"].str.contains("trained again").all()
    assert effects["effect"].null_count() == 0


def test_runs_that_are_not_done_are_subsets_less_and_no_runs_no_rows(truth):
    study, lake = truth.world.study.narrowed(MODEL), truth.world.lake
    fewer = truth.plan.filter(~((pl.col("unit") == "bucket") & (pl.col("subset") == "5")))
    found = quality_tables(study, lake, fewer)[QUALITY]
    counts = found.filter(unit="bucket", method=METHOD, benchmark="all", outcome="margin")
    assert counts["n_subsets"].sum() == 11
    assert all(
        table.is_empty() for table in quality_tables(study, lake, truth.plan.clear()).values()
    )
    assert region_effects(lake, truth.plan.clear(), study.training_seed).is_empty()


def test_a_subset_is_graded_by_the_seed_that_all_share(truth):
    """Repeats tell of chance alone: without them grades are the same, and no subset is lost."""
    study, lake = truth.world.study.narrowed(MODEL), truth.world.lake
    own = truth.plan.filter(seed=study.training_seed)
    columns = [*KEY, "n_subsets", "lds", "standard_error"]
    found = [quality_tables(study, lake, plan)[QUALITY] for plan in (truth.plan, own)]
    assert found[0].select(columns).equals(found[1].select(columns))
    halves = truth.plan.filter(design="halves", unit="topic")
    repeated = halves.filter(pl.col("seed") != study.training_seed)["subset"][0]
    is_lost = (pl.col("subset") == repeated) & (pl.col("seed") == study.training_seed)
    lost = truth.plan.filter(~(is_lost & (pl.col("design") == "halves")))
    counts = quality_tables(study, lake, lost)[QUALITY].filter(design="halves", unit="topic")
    assert counts.group_by("role").agg(pl.col("n_subsets").max())["n_subsets"].sum() == 11


def test_the_effect_of_a_topic_is_the_sum_of_its_documents_effects(truth):
    world = truth.world
    effects = region_effects(world.lake, truth.plan, world.study.training_seed)
    effects = effects.filter(outcome="margin")
    # The base and two regions by each of three seeds.
    assert set(effects["n_repeats"]) == {6} and set(effects["n_clusters"]) == {6}
    topics = np.array([bins()[number].topic for number in world.bin_of])
    missed = []
    for row in effects.iter_rows(named=True):
        scores = world.item_scores[row["benchmark"]][:, topics == row["region"]]
        expected = GAIN * scores.sum(axis=1).mean()
        # What moves a run moves its difference to the base by the root of 2, of items much less.
        assert row["effect"] == pytest.approx(expected, abs=5 * np.sqrt(2) * COMMON)
        missed.append(not row["low"] <= expected <= row["high"])
        assert (row["topic"], row["format"]) == (row["region"], None)
    assert np.mean(missed) < 0.1


def test_scores_of_other_items_than_were_asked_are_refused(truth):
    study, lake = truth.world.study.narrowed(MODEL), truth.world.lake
    left_out = [
        left_out_of(study, lake, each) for each in subsets_of(truth.plan, study.training_seed)
    ]
    first, *_ = read_answers(lake, truth.plan["run_id"].to_list())
    cut = replace(first, item_ids=first.item_ids[:-1])
    with pytest.raises(FactError, match="are not those that retrained models were asked"):
        kept_sums(study, lake, left_out, [cut])


def test_a_run_that_lacks_an_answer_is_refused(truth):
    lake, run = truth.world.lake, truth.plan["run_id"][0]
    rows = lake.read(PREDICTIONS, run)
    lake.write(PREDICTIONS, rows.head(-1), Fingerprint.of(PREDICTIONS, test=1), "cut")
    with pytest.raises(FactError, match="Remedy: run the stage retraining again"):
        read_answers(lake, ["cut"])


def test_a_benchmark_may_not_have_the_name_of_all(truth):
    study = truth.world.study.narrowed(MODEL)
    first, *others = study.benchmarks
    renamed = (first.model_copy(update={"name": "all"}), *others)
    with pytest.raises(InputError, match="Remedy: rename it under benchmarks"):
        quality_tables(
            study.model_copy(update={"benchmarks": renamed}), truth.world.lake, truth.plan
        )
