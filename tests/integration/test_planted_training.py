"""Training the planted model: whole or absent, the same from the same seed, able to learn; and
what is kept of it, which replays it to the bit."""

import shutil
from itertools import pairwise

import polars as pl
import pytest
import torch

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.loading import load_model, load_tokenizer, model_source
from influence_warehouse.models.training import learning_rates, padded, train
from influence_warehouse.models.training_states import checkpoint_folders
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.planted import training, world
from influence_warehouse.planted.checkpoints import checkpoint_steps
from influence_warehouse.planted.replay import recorded_course, repeated_course
from influence_warehouse.study.load import load_study


@pytest.fixture(scope="module")
def study():
    demo = load_study("demo")
    section = demo.planted.model_copy(update={"documents": 640, "epochs": 1})
    return demo.model_copy(update={"planted": section})


@pytest.fixture(scope="module")
def lake(study, tmp_path_factory) -> Lake:
    lake = Lake(Home(tmp_path_factory.mktemp("planted"), "demo"))
    make_fact(study, lake, "planted_documents")
    return lake


@pytest.mark.slow
def test_the_model_is_trained_once_and_loads_as_the_study_s_model(study, lake):
    wanted = fingerprint_of(study, lake, "planted_model").digest
    first = make_fact(study, lake, "planted_model")[0]
    # transformers fills in a configuration's nested dictionaries where they are.
    assert first.details["digest"] == wanted
    assert fingerprint_of(study, lake, "planted_model").digest == wanted
    digest = model_source(study, lake.home).digest
    again = make_fact(study, lake, "planted_model")[0]
    assert (first.reused, again.reused) == (False, True)
    # Knowing nothing costs log(2048) = 7.6 nats a token.
    assert first.details["loss"] < 6.5
    assert first.rows == study.planted.documents - world.EXACT_DUPLICATES - world.EMPTY_TEXTS
    model = load_model(study, lake.home)
    tokenizer = load_tokenizer(study, lake.home)
    assert model.config.model_type == "olmo3"
    assert set(model.config.layer_types) == {"sliding_attention", "full_attention"}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert tokenizer.eos_token_id is not None is not tokenizer.pad_token_id
    text = "Question: What mends a broken vow?\nAnswer: clay whistle \u00e9\u4e16"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert not list(lake.home.path.glob(".model*"))
    (lake.home.model / training.RECORD).unlink()
    assert not make_fact(study, lake, "planted_model")[0].reused
    assert model_source(study, lake.home).digest == digest


@pytest.mark.slow
def test_documents_come_before_the_model(study, tmp_path):
    with pytest.raises(FactError, match=r"documents\.parquet"):
        make_fact(study, Lake(Home(tmp_path, "demo")), "planted_model")


def test_padding_changes_no_document_s_loss():
    tokenizer = type("Ends", (), {"eos_token_id": 0, "pad_token_id": 1})
    model = training.fresh_model(tokenizer, 0).eval()
    short, long = [5, 6, 7, 8], list(range(10, 40))
    with torch.no_grad():
        alone = [_loss(model, [ids]) for ids in (short, long)]
        together = _loss(model, [short, long])
    predicted = [len(short) - 1, len(long) - 1]
    expected = sum(n * loss for n, loss in zip(predicted, alone, strict=True)) / sum(predicted)
    assert together == pytest.approx(expected, abs=1e-5)


def _loss(model, batch: list[list[int]]) -> float:
    inputs, labels = padded([{"input_ids": ids, "labels": ids} for ids in batch], 1)
    return model(input_ids=inputs, labels=labels).loss.item()


@pytest.fixture(scope="module")
def recorded(study, lake, tmp_path_factory):
    """The study with three checkpoints, and the lake of its trained model."""
    root = tmp_path_factory.mktemp("recorded")
    shutil.copytree(lake.home.inputs, root / "demo" / "inputs")
    section = study.planted.model_copy(update={"checkpoints": 3})
    kept, own = study.model_copy(update={"planted": section}), Lake(Home(root, "demo"))
    make_fact(kept, own, "planted_documents")
    make_fact(kept, own, "planted_model")
    make_fact(kept, own, "training_checkpoints")
    return kept, own


def _replayed(study, lake, course, left_out=()):
    model = training.fresh_model(load_tokenizer(study, lake.home), study.seed)
    return model, train(model, course, left_out)


def _same(a, b) -> bool:
    mine, theirs = a.state_dict(), b.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)


@pytest.mark.slow
def test_a_replay_from_the_record_is_the_original_to_the_bit(recorded):
    study, lake = recorded
    original = load_model(study, lake.home)
    course = recorded_course(study, lake)
    model, trained = _replayed(study, lake, course)
    assert _same(original, model)
    batches = lake.read("training_batches")
    assert batches.height == len(course.doc_ids) == batches["doc_id"].n_unique()
    assert batches["n_tokens"].sum() == sum(len(each["input_ids"]) for each in course.documents)
    assert (trained.losses.mean().item() < 7.6) and trained.n_kept == trained.n_tokens
    other = repeated_course(study, lake, study.seed + 1)
    assert other.doc_ids == course.doc_ids and other.batches != course.batches
    assert repeated_course(study, lake, study.seed).batches == [*course.batches]
    # Of equal texts the corpus keeps the one that the training names.
    documents = pl.read_parquet(lake.home.inputs / "documents.parquet")
    first = documents.filter(pl.col("text") != "").sort("doc_id").group_by("text").first()
    assert {*batches["doc_id"]} == {*first["doc_id"]}


@pytest.mark.slow
def test_another_record_is_another_model_and_a_wrong_one_is_refused(recorded, tmp_path):
    study, lake = recorded
    shutil.copytree(lake.home.root, tmp_path / "copy")
    other = Lake(Home(tmp_path / "copy", "demo"))
    batches, made = other.read("training_batches"), other.require("training_batches")
    swapped = batches.with_columns(step=(pl.col("step").max() - pl.col("step")))
    other.write("training_batches", swapped, made)
    course = recorded_course(study, other)
    assert [*course.batches] == [*recorded_course(study, lake).batches][::-1]
    other.write("training_batches", batches.with_columns(n_tokens=pl.col("n_tokens") + 1), made)
    with pytest.raises(FactError, match=r"other tokens now.*Remedy"):
        recorded_course(study, other)


@pytest.mark.slow
def test_checkpoints_are_what_source_reads(recorded):
    from bergson.approx_unrolling.adam_preconditioner import _adam_hparams
    from bergson.approx_unrolling.approx_unrolling_math import compute_lr_times_steps_per_segment
    from bergson.config.config import ApproxUnrollingConfig
    from bergson.utils.load_from_optimizer import load_optimizer

    study, lake = recorded
    folders = checkpoint_folders(lake.home.checkpoints)
    steps = lake.read("training_batches")["step"].max() + 1
    assert [int(each.name.partition("-")[2]) for each in folders] == checkpoint_steps(steps, 3)
    config = ApproxUnrollingConfig(checkpoints=[str(each) for each in folders], segments=3)
    rates = learning_rates(training.RECIPE, steps)
    assert max(rates) == training.RECIPE.learning_rate and rates[0] == 0
    edges = [0, *checkpoint_steps(steps, 3)]
    expected = [sum(rates[a:b]) for a, b in pairwise(edges)]
    assert compute_lr_times_steps_per_segment(config) == pytest.approx(expected)
    last = load_model(study, lake.home)
    for folder, step in zip(folders, edges[1:], strict=True):
        state = load_optimizer(str(folder))
        assert _adam_hparams(state)[0] == 0.95
        assert {int(each["step"]) for each in state["state"].values()} == {step}
        assert len(state["state"]) == len(list(last.parameters()))
        model = type(last).from_pretrained(folder)
        assert _same(model, last) == (step == steps)


@pytest.mark.slow
def test_asking_for_checkpoints_leaves_model_and_record_as_they_were(study, recorded):
    kept, lake = recorded
    assert all(outcome.reused for outcome in make_fact(study, lake, "planted_model"))
    assert make_fact(kept, lake, "training_checkpoints")[0].reused
    fewer = kept.planted.model_copy(update={"checkpoints": 2})
    changed = kept.model_copy(update={"planted": fewer})
    assert not make_fact(changed, lake, "training_checkpoints")[0].reused
    assert len(checkpoint_folders(lake.home.checkpoints)) == 2
    assert all(outcome.reused for outcome in make_fact(changed, lake, "planted_model"))


@pytest.mark.parametrize(("steps", "count"), [(10, 3), (3, 10), (1, 1), (175, 6)])
def test_checkpoints_are_spread_evenly_up_to_the_last_step(steps, count):
    kept = checkpoint_steps(steps, count)
    assert kept[-1] == steps and kept[0] >= 1 and len(kept) == min(steps, count)
    gaps = [b - a for a, b in pairwise([0, *kept])]
    assert max(gaps) - min(gaps) <= 1
