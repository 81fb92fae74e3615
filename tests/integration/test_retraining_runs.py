"""Runs of retraining on a tiny lake: continued training, facts, reuse, failure of one alone."""

from itertools import chain
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.benchmarks.scoring import score_items
from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.models.loading import load_tokenizer
from influence_warehouse.models.small import choices_at_once
from influence_warehouse.models.training import train
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.retraining.runs import PREDICTIONS, RUN, is_done, progress_line
from influence_warehouse.retraining.training import course_of, start_model
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import TOPICS
from tests.retraining_world import MODEL, prepare

BASE, REPEAT = f"{MODEL}|base|all|all|0", f"{MODEL}|base|all|all|1"
WITHOUT = f"{MODEL}|leave_out|topic|{TOPICS[0]}|0"


@pytest.fixture
def world(tmp_path, tiny_model) -> tuple[Study, Lake]:
    return prepare(tmp_path, tiny_model)


def contents(lake: Lake, key: str) -> list[bytes]:
    paths = [lake.path(fact, key) for fact in (RUN, PREDICTIONS)]
    return [path.read_bytes() for path in paths if isinstance(path, Path)]


def test_a_run_writes_its_facts_and_keeps_no_weights(world):
    study, lake = world
    assert not is_done(study, lake, WITHOUT)
    outcomes = make_fact(study, lake, RUN, WITHOUT)
    assert {(each.fact, each.rows) for each in outcomes} == {(RUN, 1), (PREDICTIONS, 16)}
    assert is_done(study, lake, WITHOUT)
    run = lake.read(RUN, WITHOUT).row(0, named=True)
    told = lake.read("retraining_set_digests", MODEL).filter(run_id=WITHOUT).row(0, named=True)
    manifest = lake.read("sampling_manifest")
    assert run["n_left_out"] == manifest.filter(topic=TOPICS[0]).height == told["n_left_out"]
    assert run["left_out_digest"] == told["left_out_digest"]
    assert run["steps"] == -(-manifest.height // 4)
    assert (run["subset"], run["learning_rate"], run["loss"] > 0) == (TOPICS[0], 0.01, True)
    line = f"{WITHOUT}: {run['n_left_out']} documents left out, 5 steps, loss per token"
    assert progress_line(lake, WITHOUT).startswith(line)
    assert not list(lake.home.path.rglob("*.safetensors"))


def test_answers_are_those_of_the_model_that_was_trained_on(world):
    study, lake = world
    make_fact(study, lake, RUN, WITHOUT)
    manifest = lake.read("sampling_manifest")
    model = start_model(study, lake, 0)
    train(model, course_of(study, lake, 0), {*manifest.filter(topic=TOPICS[0])["doc_id"]})
    tokenizer = load_tokenizer(study, lake.home)
    items, metrics = lake.read("benchmark_items"), {"alpha": "acc", "beta": "acc"}
    expected = score_items(model, tokenizer, items, metrics, WITHOUT, choices_at_once(model))
    found = lake.read(PREDICTIONS, WITHOUT)
    assert found.rename({"run_id": "model"}).equals(expected)
    untouched = score_items(
        start_model(study, lake, 0), tokenizer, items, metrics, WITHOUT, choices_at_once(model)
    )
    moved = found["correct_logprob_margin"] - untouched["correct_logprob_margin"]
    assert moved.abs().max() > 1e-3


def test_runs_differ_by_what_is_left_out_and_repeats_by_their_seed(world):
    study, lake = world
    for key in (BASE, REPEAT, WITHOUT):
        make_fact(study, lake, RUN, key)
    margins = [
        lake.read(PREDICTIONS, key)["correct_logprob_margin"] for key in (BASE, REPEAT, WITHOUT)
    ]
    assert all(not a.equals(b) for a, b in zip(margins, margins[1:] + margins[:1], strict=True))
    first, other = course_of(study, lake, 0), course_of(study, lake, 1)
    assert first.doc_ids == other.doc_ids and first.batches != other.batches
    assert sorted(chain(*first.batches)) == sorted(chain(*other.batches)) == list(range(20))


def test_a_run_made_again_is_the_same_to_the_bit(world):
    study, lake = world
    make_fact(study, lake, RUN, WITHOUT)
    before = contents(lake, WITHOUT)
    assert all(outcome.reused for outcome in make_fact(study, lake, RUN, WITHOUT))
    lake.path(PREDICTIONS, WITHOUT).unlink()
    assert not is_done(study, lake, WITHOUT)
    make_fact(study, lake, RUN, WITHOUT)
    assert contents(lake, WITHOUT) == before


def test_another_share_for_tuning_trains_nothing_anew(world, tiny_model):
    study, lake = world
    make_fact(study, lake, RUN, WITHOUT)
    section = study.retraining.model_copy(update={"tuning_share": 0.0})
    graded = study.model_copy(update={"retraining": section})
    make_fact(graded, lake, "retraining_plan", MODEL)
    make_fact(graded, lake, "retraining_sets", MODEL)
    assert {*lake.read("retraining_plan", MODEL)["role"]} == {"grading"}
    assert is_done(graded, lake, WITHOUT)
    rate = study.retraining.continued.model_copy(update={"learning_rate": 0.02})
    faster = study.retraining.model_copy(update={"continued": rate})
    assert not is_done(study.model_copy(update={"retraining": faster}), lake, WITHOUT)


def test_a_run_that_is_not_planned_is_refused(world):
    study, lake = world
    with pytest.raises(FactError, match=r"no run .*Remedy"):
        make_fact(study, lake, RUN, f"{MODEL}|leave_out|topic|nothing|0")


def test_at_most_so_many_steps(tmp_path, tiny_model):
    continued = {"learning_rate": 0.01, "epochs": 3, "steps": 7, "batch_documents": 4}
    study, lake = prepare(tmp_path, tiny_model, continued=continued)
    course = course_of(study, lake, 0)
    assert len(course.batches) == 7
    # Each pass has all documents; the last is cut.
    assert sorted(chain(*course.batches[:5])) == list(range(20))
    assert max(len(each["input_ids"]) for each in course.documents) > 24


def test_a_pair_is_trained_on_its_completion_alone(world):
    study, lake = world
    documents = lake.read("documents")
    first_word = pl.col("text").str.split(" ").list.first().str.len_chars()
    pairs = documents.with_columns(prompt_chars=first_word.cast(pl.Int32))
    lake.write("documents", pairs, lake.require("documents"))
    course = course_of(
        study.model_copy(update={"description": "another key of the cache"}), lake, 0
    )
    assert all(each["labels"][0] == -100 for each in course.documents)
