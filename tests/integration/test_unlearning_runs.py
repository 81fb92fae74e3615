"""A run end to end on a tiny lake: adapter, predictions, facts, reuse, failure of one alone."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from influence_warehouse.benchmarks.scoring import score_items
from influence_warehouse.errors import FactError, HealthError
from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.models.loading import load_model, load_tokenizer
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import TOPICS
from influence_warehouse.unlearning import training
from influence_warehouse.unlearning.adapters import adapter_folder
from influence_warehouse.unlearning.runs import (
    PREDICTIONS,
    is_done,
    progress_line,
)
from tests.scoring_lake import CELL
from tests.unlearning_world import (
    OF,
    chosen_bins,
    make_plan,
    unlearning_study,
    write_unlearning_lake,
)

FACTS = ("unlearning_steps", "unlearning_runs", PREDICTIONS)
KEY = f"{OF}alpha|influence_in_topic|{TOPICS[0]}|1|1"
OTHER = f"{OF}alpha|random_in_topic|{TOPICS[0]}|1|1"


def prepare(folder: Path, model: Path, **changes) -> tuple[Study, Lake]:
    """A lake with plan and sets."""
    study, lake = unlearning_study(model, **changes), write_unlearning_lake(folder)
    make_fact(study, lake, "item_predictions", study.model.name)
    make_plan(study, lake, chosen_bins(("alpha", TOPICS[0], None)))
    make_fact(study, lake, "forget_sets", CELL)
    return study, lake


def make_run(study: Study, lake: Lake, key: str) -> list[Outcome]:
    """Both steps of a run."""
    return [
        *make_fact(study, lake, "unlearning_runs", key),
        make_fact(study, lake, "unlearned_predictions", key)[0],
    ]


@pytest.fixture
def world(tmp_path, tiny_model) -> tuple[Study, Lake]:
    return prepare(tmp_path, tiny_model)


def contents(lake: Lake, key: str) -> dict[str, bytes]:
    return {fact: lake.path(fact, key).read_bytes() for fact in FACTS}


def test_a_run_writes_its_facts_and_its_adapter(world):
    study, lake = world
    assert not is_done(study, lake, KEY)
    outcomes = make_run(study, lake, KEY)
    assert [(o.fact, o.rows, o.reused) for o in outcomes] == [
        ("unlearned_models", 1, False), ("unlearning_steps", 3, False),
        ("unlearning_runs", 1, False), ("unlearned_predictions", 16, False),
    ]  # fmt: skip
    assert is_done(study, lake, KEY)
    assert progress_line(lake, KEY).startswith(f"{KEY}: 4 steps (step_limit), loss per token:")
    run = lake.read("unlearning_runs", KEY).row(0, named=True)
    digests = lake.read("unlearning_set_digests", CELL).filter(run_id=KEY).row(0, named=True)
    assert (run["run_id"], run["steps"], run["stop_reason"]) == (KEY, 4, "step_limit")
    assert (run["forget_digest"], run["n_forget"]) == (digests["forget_digest"], 6)
    assert run["forget_loss_after"] > run["forget_loss_before"]
    steps = lake.read("unlearning_steps", KEY)
    assert steps["step"].to_list() == [0, 2, 4]
    assert steps["forget_loss"][-1] == run["forget_loss_after"]
    assert steps["utility"][0] == run["utility_before"]
    folder = adapter_folder(lake.home, KEY)
    tensors = load_file(folder / "adapter_model.safetensors")
    assert tensors
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    card = (folder / "README.md").read_text()
    assert all(part in card for part in (KEY, run["forget_digest"], "ngdiff", "step_limit"))
    assert not (lake.home.work / "unlearning").exists() or not list(
        (lake.home.work / "unlearning").iterdir()
    )


def test_predictions_are_those_of_the_saved_adapter_and_the_base_stays(world):
    from peft import PeftModel

    study, lake = world
    make_fact(study, lake, "item_predictions", "base")
    make_run(study, lake, KEY)
    items, metrics = lake.read("benchmark_items"), {"alpha": "acc", "beta": "acc"}
    base = load_model(study, lake.home)
    tokenizer = load_tokenizer(study, lake.home)
    baseline = lake.read("item_predictions", "base")
    adapted = PeftModel.from_pretrained(base, str(adapter_folder(lake.home, KEY)))
    inner: Any = adapted.get_base_model()
    expected = score_items(inner, tokenizer, items, metrics, KEY)
    found = lake.read("unlearned_predictions", KEY)
    assert found.drop("run_id", "choice_logprobs", "correct_logprob_margin").equals(
        expected.drop("model", "choice_logprobs", "correct_logprob_margin")
    )
    for ours, theirs in zip(found["choice_logprobs"], expected["choice_logprobs"], strict=True):
        assert ours.to_list() == pytest.approx(theirs.to_list(), abs=1e-4)
    moved = found["correct_logprob_margin"] - baseline["correct_logprob_margin"]
    assert moved.abs().max() > 1e-3
    again = score_items(adapted.unload(), tokenizer, items, metrics, "base")
    assert again.equals(baseline)


# peft's own alarm that the base model still carries the adapter of the run before.
@pytest.mark.filterwarnings("error:You are trying to modify a model with PEFT")
def test_an_equal_run_gives_equal_bytes_whatever_ran_before(tmp_path, tiny_model):
    study, lake = prepare(tmp_path / "a", tiny_model)
    make_run(study, lake, KEY)
    study, other = prepare(tmp_path / "b", tiny_model)
    make_run(study, other, OTHER)
    make_run(study, other, KEY)
    assert contents(lake, KEY) == contents(other, KEY)


def test_a_finished_run_is_kept_until_what_it_depends_on_changes(world, tiny_model):
    study, lake = world
    make_run(study, lake, KEY)
    assert all(outcome.reused for outcome in make_run(study, lake, KEY))
    checkpoints = unlearning_study(tiny_model, checkpoint_every=7)
    assert all(outcome.reused for outcome in make_run(checkpoints, lake, KEY))
    slower = unlearning_study(tiny_model, learning_rate=0.001)
    assert not any(outcome.reused for outcome in make_run(slower, lake, KEY))


def test_new_items_are_evaluated_without_training_again(world, monkeypatch):
    study, lake = world
    make_run(study, lake, KEY)
    before = contents(lake, KEY)
    items = lake.read("benchmark_items")
    lake.write("benchmark_items", items.head(12), Fingerprint.of("benchmark_items", test=2))

    def refuse(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(training, "train", refuse)
    make_fact(study, lake, "item_predictions", study.model.name)
    assert make_run(study, lake, KEY)[-1].rows == 12
    kept = lake.read("unlearned_predictions", KEY)
    lake.write("benchmark_items", items, Fingerprint.of("benchmark_items", test=1))
    make_fact(study, lake, "item_predictions", study.model.name)
    make_run(study, lake, KEY)
    assert contents(lake, KEY) == before
    assert lake.read("unlearned_predictions", KEY).height == 16
    assert kept.height == 12


def test_a_run_that_fails_touches_no_other_and_can_be_retried(world, monkeypatch):
    study, lake = world
    make_run(study, lake, KEY)
    before = contents(lake, KEY)
    train = training.train

    def failing(*_):
        raise HealthError("losses are not finite")

    monkeypatch.setattr(training, "train", failing)
    with pytest.raises(HealthError):
        make_run(study, lake, OTHER)
    assert not any(lake.path(fact, OTHER).exists() for fact in FACTS)
    assert contents(lake, KEY) == before
    monkeypatch.setattr(training, "train", train)
    assert not make_run(study, lake, OTHER)[-1].reused
    predictions = [lake.read("unlearned_predictions", key) for key in (KEY, OTHER)]
    assert pl.concat(predictions)["run_id"].unique().sort().to_list() == [KEY, OTHER]


def test_an_adapter_of_something_else_or_half_written_is_not_used(world):
    study, lake = world
    make_run(study, lake, KEY)
    before = contents(lake, KEY)
    record = adapter_folder(lake.home, KEY) / "unlearning.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "fingerprint": "other"}))
    lake.path("unlearning_runs", KEY).unlink()
    make_run(study, lake, KEY)
    assert contents(lake, KEY) == before
    assert json.loads(record.read_text())["fingerprint"] != "other"


def test_a_partition_outside_the_plan_is_an_error(world):
    study, lake = world
    with pytest.raises(FactError, match=r"no run 'base\|trackstar\|none'.*Remedy"):
        make_run(study, lake, "base|trackstar|none")
