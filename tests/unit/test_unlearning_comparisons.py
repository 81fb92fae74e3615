"""What the runs came to, from facts that are drawn in place of trained models."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.records import failure_path, write_failure
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.comparisons import (
    benchmark_relations,
    run_damage,
    run_outcomes,
)
from influence_warehouse.unlearning.inference import (
    comparison_table,
    damage_table,
    selectivity_table,
)
from influence_warehouse.unlearning.plan import planned_runs
from tests.scoring_lake import BENCHMARKS, CELL
from tests.unlearning_world import (
    OF,
    chosen_bins,
    make_plan,
    unlearning_study,
    write_unlearning_lake,
)

CHOSEN = (("alpha", None, "about_pers"), ("beta", "adult_content", None))
ITEMS = 8
FAILED, LEFT = f"{OF}alpha|random_in_topic|any.about_pers|3|1", f"{OF}beta|influence_global|all|1|1"
STALE = f"{OF}beta|random_in_topic|adult_content|1|1"
OUTCOMES = "unlearning_outcomes"
INFERENCE = ("damage_inference", "selectivity_inference", "unlearning_comparisons")


@pytest.fixture
def study(tiny_model) -> Study:
    return unlearning_study(tiny_model, random_sets=3)


@pytest.fixture
def lake(tmp_path, study) -> Lake:
    """A planned lake with the base model's answers and no run."""
    lake = write_unlearning_lake(tmp_path)
    make_plan(study, lake, chosen_bins(*CHOSEN))
    make_fact(study, lake, "forget_sets", CELL)
    base = _answers("model", "base", _margins("base"))
    lake.write("item_predictions", base, Fingerprint.of("item_predictions", test=1), "base")
    return lake


def _margins(model: str) -> np.ndarray:
    """Margin of each item, [benchmarks, items], by the model's name."""
    rng = np.random.default_rng(sum(map(ord, model)))
    return rng.normal(0.4 if model == "base" else 0, 1, (len(BENCHMARKS), ITEMS))


def _answers(column: str, name: str, margins: np.ndarray) -> pl.DataFrame:
    rows = [
        (name, BENCHMARKS[b], f"{BENCHMARKS[b]}-{i}", [0.0, -m], int(m < 0), bool(m > 0), m)
        for (b, i), m in np.ndenumerate(margins)
    ]
    names = [column, "benchmark", "item_id", "choice_logprobs", "predicted_index"]
    schema = [*names, "is_correct", "correct_logprob_margin"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _finish(study: Study, lake: Lake, key: str) -> None:
    """Write the facts that a run of this study writes, with drawn numbers."""
    parts = fingerprint_of(study, lake, "unlearning_runs", key).parts
    run = lake.read("unlearning_plan", CELL).filter(run_id=key)
    losses = ("forget_loss", "retain_loss", "utility")
    steps = pl.DataFrame({"run_id": [key], "step": [0], "learning_rate": [0.01]})
    steps = steps.with_columns(pl.lit(1.0).alias(name) for name in losses)
    summary = run.with_columns(
        *(pl.lit(1.0).alias(f"{name}_{when}") for name in losses for when in ("before", "after")),
        forget_digest=pl.lit("f"),
        n_forget=pl.lit(6),
        steps=pl.lit(4),
        stop_reason=pl.lit("step_limit"),
        learning_rate=pl.lit(0.01),
    )
    for fact, rows in (("unlearning_steps", steps), ("unlearning_runs", summary)):
        lake.write(fact, rows, Fingerprint(fact, parts), key)
    answered = fingerprint_of(study, lake, "unlearned_predictions", key)
    lake.write("unlearned_predictions", _answers("run_id", key, _margins(key)), answered, key)


def _finish_most(study: Study, lake: Lake) -> list[str]:
    """All runs but one that failed, one that was not begun, one that was made from other sets."""
    done = [key for key in planned_runs(study, lake) if key not in (FAILED, LEFT, STALE)]
    for key in (*done, STALE):
        _finish(study, lake, key)
    other = Fingerprint.of("unlearned_predictions", run_id=STALE, adapter="earlier")
    absurd = _answers("run_id", STALE, _margins(STALE) - 100)
    lake.write("unlearned_predictions", absurd, other, STALE)
    write_failure(lake.home, FAILED, RuntimeError("loss is\nnan"))
    return done


def test_a_run_is_done_by_its_facts_failed_by_its_error_and_else_left(study, lake):
    done = _finish_most(study, lake)
    found = {
        key: (state, detail) for key, state, detail in run_outcomes(study, lake, CELL).iter_rows()
    }
    assert len(found) == 16 and len(done) == 13
    assert found.pop(FAILED) == ("failed", "RuntimeError: loss is nan")
    assert found.pop(LEFT) == found.pop(STALE) == ("left", None)
    assert found == dict.fromkeys(done, ("done", None))


def test_an_old_error_does_not_make_a_finished_run_fail(study, lake):
    done = _finish_most(study, lake)
    write_failure(lake.home, done[0], RuntimeError("of the first try"))
    assert ("done", None) in run_outcomes(study, lake, CELL).filter(run_id=done[0]).select(
        "state", "detail"
    ).rows()


@pytest.mark.parametrize("fact", ["unlearning_steps", "unlearning_runs", "unlearned_predictions"])
def test_a_run_that_lacks_one_of_its_facts_is_left(study, lake, fact):
    done = _finish_most(study, lake)
    lake.path(fact, done[0]).unlink()
    assert run_outcomes(study, lake, CELL).filter(run_id=done[0])["state"].item() == "left"


def test_other_settings_leave_every_run_to_be_done_again(study, lake):
    _finish_most(study, lake)
    changed = unlearning_study(study.model.path, learning_rate=0.5, random_sets=3)
    assert set(run_outcomes(changed, lake, CELL)["state"]) == {"left", "failed"}


def test_damage_is_that_of_finished_runs_on_every_benchmark(study, lake):
    done = _finish_most(study, lake)
    rows = run_damage(lake, CELL, run_outcomes(study, lake, CELL))
    names = ("benchmark", "condition", "region", "set_number", "seed")
    found = {
        (OF + "|".join(str(row[n]) for n in names), row["evaluated_benchmark"], row["measure"]): row
        for row in rows.iter_rows(named=True)
    }
    assert len(found) == rows.height == len(done) * len(BENCHMARKS) * 2
    assert {key for key, _, _ in found} == set(done)
    for (key, evaluated, measure), row in found.items():
        of = BENCHMARKS.index(evaluated)
        before, after = _margins("base")[of], _margins(key)[of]
        if measure == "accuracy":
            before, after = before > 0, after > 0
        assert_allclose(row["damage"], before.mean() - after.mean(), atol=1e-12)
    assert rows["damage"].min() < 0 < rows["damage"].max(), "an improvement is negative damage"


def test_the_facts_are_the_states_and_the_inference_of_what_is_done(study, lake):
    _finish_most(study, lake)
    made = make_fact(study, lake, "unlearning_comparisons", CELL)
    assert [each.fact for each in made] == [*INFERENCE, OUTCOMES]
    assert made[-1].details == {"done": 13, "failed": 1, "left": 2}
    states = run_outcomes(study, lake, CELL)
    assert lake.read(OUTCOMES, CELL).equals(states.sort("run_id"))
    runs = run_damage(lake, CELL, states)
    expected = (
        damage_table(runs),
        selectivity_table(runs, benchmark_relations(study)),
        comparison_table(runs),
    )
    key = ["model", "method", "objective"]
    for fact, table in zip(INFERENCE, expected, strict=True):
        written = lake.read(fact, CELL)
        assert_frame_equal(
            written.drop(key), table.select(written.columns[3:]), check_row_order=False
        )
        assert set(written.select(key).rows()) == {("base", "trackstar", "ngdiff")}
        assert written.height > 0
    assert all(made.reused for made in make_fact(study, lake, "unlearning_comparisons", CELL))


def test_objectives_are_judged_apart(study, lake):
    both = unlearning_study(study.model.path, random_sets=3, objectives=["npo", "ngdiff"])
    make_plan(both, lake, chosen_bins(*CHOSEN))
    make_fact(both, lake, "forget_sets", CELL)
    keys = planned_runs(both, lake)
    for key in keys:
        _finish(both, lake, key)
    # What npo's runs answer must not move a figure of ngdiff's.
    told = {}
    for shift in (0, 100):
        for key in (key for key in keys if "|npo|" in key):
            answered = fingerprint_of(both, lake, "unlearned_predictions", key)
            answers = _answers("run_id", key, _margins(key) - shift)
            lake.write("unlearned_predictions", answers, answered, key)
        # Answers of the same runs, drawn anew: nothing in the record says so.
        lake.path(INFERENCE[0], CELL).unlink(missing_ok=True)
        make_fact(both, lake, "unlearning_comparisons", CELL)
        told[shift] = [lake.read(fact, CELL) for fact in INFERENCE]
    for before, after in zip(told[0], told[100], strict=True):
        assert set(before["objective"]) == {"npo", "ngdiff"}
        assert_frame_equal(before.filter(objective="ngdiff"), after.filter(objective="ngdiff"))
        assert not before.filter(objective="npo").equals(after.filter(objective="npo"))


def test_whatever_changes_a_state_or_a_figure_makes_both_facts_again(study, lake):
    _finish_most(study, lake)
    make_fact(study, lake, "unlearning_comparisons", CELL)

    def remade(study: Study = study) -> bool:
        found = {made.reused for made in make_fact(study, lake, "unlearning_comparisons", CELL)}
        assert len(found) == 1, "both or none"
        return not found.pop()

    write_failure(lake.home, FAILED, RuntimeError("another"))
    assert remade() and not remade()
    failure_path(lake.home, FAILED).unlink()
    assert remade() and not remade()
    _finish(study, lake, LEFT)
    assert remade() and not remade()
    lake.path(INFERENCE[2], CELL).unlink()
    assert remade() and not remade()
    base = _answers("model", "base", _margins("other"))
    lake.write("item_predictions", base, Fingerprint.of("item_predictions", test=2), "base")
    assert remade() and not remade()


def test_other_factors_of_a_benchmark_are_other_selectivities(study, lake):
    _finish_most(study, lake)
    make_fact(study, lake, "unlearning_comparisons", CELL)
    changed = study.model_dump(mode="json")
    changed["benchmarks"][0]["domain"] = "elsewhere"
    other = Study.model_validate(changed)
    assert benchmark_relations(other) != benchmark_relations(study)
    assert not any(made.reused for made in make_fact(other, lake, "unlearning_comparisons", CELL))


def test_equal_inputs_give_equal_bytes(study, lake):
    _finish_most(study, lake)
    made = []
    for _ in range(2):
        make_fact(study, lake, "unlearning_comparisons", CELL)
        made.append([lake.path(fact, CELL).read_bytes() for fact in (*INFERENCE, OUTCOMES)])
        for fact in (*INFERENCE, OUTCOMES):
            lake.path(fact, CELL).unlink()
    assert made[0] == made[1]


def test_nothing_done_is_no_inference_and_every_run_left(study, lake):
    *tables, outcomes = make_fact(study, lake, "unlearning_comparisons", CELL)
    assert [table.rows for table in tables] == [0, 0, 0]
    assert outcomes.details == {"left": 16}
    make_plan(study, lake, chosen_bins())
    assert [made.rows for made in make_fact(study, lake, "unlearning_comparisons", CELL)] == [0] * 4
