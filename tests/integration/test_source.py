"""SOURCE over the checkpoints of a real tiny training: equal to Bergson's own pipeline, the same
however it is cut, right in sign, and refused where it cannot be right."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.methods import source
from influence_warehouse.attribution.unrolling import tokens_a_document
from influence_warehouse.errors import HealthError, InputError, StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.training_states import RATES, checkpoint_folders
from influence_warehouse.pipeline.identity import fingerprint_of, is_fact_current
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.load import load_study
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import TOPICS
from tests.integration.test_gradient_methods import agree, encoded, made, means, theirs
from tests.recorded_training import write_recorded_training
from tests.scoring_lake import scoring_study, shard_part, write_scoring_lake

pytestmark = pytest.mark.slow
CELL = "base|source"


@pytest.fixture(scope="module")
def training(tmp_path_factory, tiny_model) -> Path:
    return write_recorded_training(tmp_path_factory.mktemp("training"), tiny_model)


@pytest.fixture
def copied(training, tmp_path) -> Path:
    return Path(shutil.copytree(training, tmp_path / "training"))


def study_of(training: Path, shards: int = 1, seed: int = 0, **settings) -> Study:
    attribution = {name: settings.pop(name) for name in ("token_batch_size",) if name in settings}
    benchmarks = settings.pop("benchmarks", ("alpha", "beta"))
    method = {"kind": "source", "segments": 2, "checkpoints": {"path": str(training)}} | settings
    last = checkpoint_folders(training)[-1]
    study = scoring_study(last, shards, benchmarks, methods=[method], **attribution)
    return study.model_copy(update={"seed": seed})


def lake_of(folder: Path, shards: int = 1) -> Lake:
    return write_scoring_lake(folder, shards=shards, n_documents=30)


@pytest.mark.parametrize(("is_adam", "loss"), [(True, "sum"), (True, "mean"), (False, "sum")])
def test_scores_are_those_of_bergsons_own_pipeline(is_adam, loss, training, tmp_path):
    settings = {"use_adam_preconditioner": is_adam, "training_loss": loss}
    study = study_of(training, benchmarks=("alpha",), draw_labels=False, **settings)
    lake = lake_of(tmp_path / "home")
    ours = made(study, lake)["score"].to_numpy()
    assert np.isfinite(ours).all() and ours.std() > 0
    with bergson_output_to(tmp_path / "log"):
        from bergson.approx_unrolling.approx_unrolling_math import (
            compute_lr_times_steps_per_segment,
        )
        from bergson.approx_unrolling.pipeline import approx_unrolling_pipeline
        from bergson.config.config import ApproxUnrollingConfig, HessianConfig

        index, query = theirs(study, lake, tmp_path)
        config = ApproxUnrollingConfig(
            checkpoints=[str(each) for each in checkpoint_folders(training)],
            segments=2,
            use_adam_preconditioner=is_adam,
            query=query,
        )
        if loss == "mean":
            rates = compute_lr_times_steps_per_segment(config)
            scaled = [rate / tokens_a_document(encoded(study, lake)[0]) for rate in rates]
            config = replace(config, lr_list=scaled, step_size_list=[1, 1])
        hessian = HessianConfig("kfac", ev_correction=True, use_dataset_labels=True)
        approx_unrolling_pipeline(replace(index, projection_dim=0), hessian, config)
    # Theirs are what leaving a document out adds to the query's loss, with the other sign.
    agree(ours, -means(tmp_path / "run" / "scores"))


def test_scores_follow_neither_from_shards_nor_batches_nor_blocks(training, tmp_path, monkeypatch):
    reference = made(study_of(training), lake_of(tmp_path / "one"))
    assert reference["score"].is_finite().all() and reference["score"].std() > 0
    for shards, tokens, block in ((3, 96, 1 << 20), (2, 1024, 4 * 16 * 4)):
        monkeypatch.setattr(source, "_BLOCK_BYTES", block)
        study = study_of(training, shards, token_batch_size=tokens)
        other = made(study, lake_of(tmp_path / f"of-{shards}", shards))
        assert other["doc_id"].equals(reference["doc_id"])
        agree(other["score"].to_numpy(), reference["score"].to_numpy(), 2e-3)


def test_a_document_that_is_the_query_supports_it(training, tmp_path):
    lake = lake_of(tmp_path)
    asked = lake.read("benchmark_items").row(0, named=True)
    text = f"{asked['prompt']} {asked['choices'][asked['answer_index']]}"
    is_own = pl.col("doc_id") == "d0003"
    documents = lake.read("documents").with_columns(
        text=pl.when(is_own).then(pl.lit(text)).otherwise("text"),
        prompt_chars=pl.when(is_own).then(len(asked["prompt"])),
    )
    lake.write("documents", documents, lake.require("documents"))
    study = study_of(training)
    study = study.model_copy(
        update={"attribution": study.attribution.model_copy(update={"top_k": 30})}
    )
    made(study, lake)
    scores = lake.read("shard_proponents", shard_part(0, CELL)).filter(
        item_id=asked["item_id"], benchmark=asked["benchmark"]
    )
    own = scores.filter(doc_id="d0003")["score"].item()
    assert own > 0 and (scores["score"] < own).mean() > 0.8


def test_drawn_labels_follow_from_the_seed(training, tmp_path):
    lake = lake_of(tmp_path)
    first = study_of(training)
    scores = made(first, lake)
    shutil.rmtree(lake.home.work)
    lake.home.work.mkdir()
    lake.path("document_scores", shard_part(0, CELL)).unlink()
    torch.rand(3)
    assert made(first, lake).equals(scores)
    assert not made(study_of(training, seed=5), lake).equals(scores)


def test_another_training_or_division_is_another_method(training, copied, tmp_path):
    lake = lake_of(tmp_path / "home")
    digests = {
        fingerprint_of(study, lake, "method_preparation", CELL).digest
        for study in (study_of(training), study_of(copied), study_of(training, segments=4))
    }
    assert len(digests) == 2
    (copied / "a-log-beside-them.txt").write_text("loss 7.0")
    again = fingerprint_of(study_of(copied), lake, "method_preparation", CELL).digest
    assert again in digests
    history = json.loads((copied / RATES).read_text())
    (copied / RATES).write_text(json.dumps([each | {"learning_rate": 1.0} for each in history]))
    changed = fingerprint_of(study_of(copied), lake, "method_preparation", CELL).digest
    assert changed not in digests


def test_segments_that_do_not_divide_the_checkpoints_are_refused(training, tmp_path):
    study = study_of(training, segments=3)
    with pytest.raises(StudyError, match=r"methods.source.segments: 3 do not divide the 4"):
        make_fact(study, lake_of(tmp_path), "method_preparation", CELL)


def break_rates(training: Path) -> None:
    history = json.loads((training / RATES).read_text())
    (training / RATES).write_text(json.dumps(history[1:]))


def break_optimizer(training: Path) -> None:
    (checkpoint_folders(training)[1] / "optimizer.pt").unlink()


def break_weights(training: Path) -> None:
    first, *_, last = checkpoint_folders(training)
    shutil.copy(first / "model.safetensors", last / "model.safetensors")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (break_rates, r"log_history.json: tells no learning_rate of 1 steps.*first of them 1"),
        (break_optimizer, r"checkpoint-4: no optimizer.pt.*Remedy"),
        (break_weights, r"the last checkpoint is not the model.*Remedy"),
        (shutil.rmtree, r"holds no checkpoint-<steps>.*Remedy"),
    ],
)
def test_a_record_that_is_not_whole_is_refused(damage, told, training, copied, tmp_path):
    damage(copied)
    study = study_of(training)
    method = study.method.model_copy(
        update={"checkpoints": study.method.checkpoints.model_copy(update={"path": copied})}
    )
    settings = study.attribution.model_copy(update={"methods": (method,)})
    study = study.model_copy(update={"attribution": settings})
    with pytest.raises(InputError, match=told):
        make_fact(study, lake_of(tmp_path / "home"), "method_preparation", CELL)


def test_gradients_that_are_lost_are_named(copied, tmp_path):
    lake = lake_of(tmp_path / "home")
    history = json.loads((copied / RATES).read_text())
    (copied / RATES).write_text(json.dumps([each | {"learning_rate": 0.0} for each in history]))
    with pytest.raises(HealthError, match=r"methods.source: .* all segments are zero.*Remedy"):
        make_fact(study_of(copied), lake, "method_preparation", CELL)
    (copied / RATES).write_text(json.dumps(history))
    state = torch.load(checkpoint_folders(copied)[0] / "optimizer.pt")
    for each in state["state"].values():
        each["exp_avg_sq"][:] = float("nan")
    torch.save(state, checkpoint_folders(copied)[0] / "optimizer.pt")
    with pytest.raises(HealthError, match=r"methods.source: .*segment 1 of 2 are not finite"):
        make_fact(study_of(copied), lake, "method_preparation", CELL)


def planted_study(checkpoints: int, *methods: dict) -> Study:
    given = load_study("graded").model_dump(mode="json", exclude_unset=True)
    given["planted"] |= {"documents": 576, "items_per_benchmark": 12, "checkpoints": checkpoints}
    given["sampling"] = {"documents_per_bin": 1, "shards": 1, "topics": TOPICS[:4]}
    given["attribution"]["methods"] = [{"kind": "random"}, *methods]
    del given["unlearning"]  # of regions that another method chooses
    return Study.model_validate(given)


def test_a_planted_model_s_own_training_is_followed_and_nothing_else_is_made_anew(tmp_path):
    own = {"kind": "source", "segments": 2, "fit_documents_per_bin": 1}
    before, study = planted_study(0), planted_study(2, own)
    model, lake = study.model.name, Lake(Home(tmp_path, study.name))
    lake.home.create()
    finished = [
        ("planted_documents", None),
        ("planted_model", None),
        ("documents", None),
        ("sampling_manifest", None),
        ("benchmark_items", None),
        ("document_scores", shard_part(0, f"{model}|random")),
    ]
    for fact, part in finished:
        make_fact(before, lake, fact, part)
    assert all(
        each.reused for fact, part in finished for each in make_fact(study, lake, fact, part)
    )
    cell, part = f"{model}|source", shard_part(0, f"{model}|source")
    make_fact(study, lake, "training_checkpoints")
    make_fact(study, lake, "method_preparation", cell)
    make_fact(study, lake, "document_scores", part)
    scores = lake.read("document_scores", part)["score"]
    assert scores.is_finite().all() and scores.std() > 0
    assert is_fact_current(study, lake, "document_scores", part)
    more = planted_study(4, own)
    assert not is_fact_current(more, lake, "method_preparation", cell)
    assert not is_fact_current(more, lake, "document_scores", part)
