"""A model folder or a hub's model brings weights, not programs; secrets stay out of a home."""

import json
import shutil
from pathlib import Path

import pytest

from influence_warehouse.errors import InputError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import Timer, write_record
from influence_warehouse.models.loading import (
    load_model,
    load_tokenizer,
    local_folder,
    model_source,
)
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from tests.unit.test_study import content

REVISION = "0123456789abcdef0123456789abcdef01234567"


def study_of(model: dict, **changes) -> Study:
    return Study.model_validate(content(models=[model], **changes))


@pytest.fixture
def pickled(tiny_model, tmp_path) -> Path:
    """The tiny model with its weights as a pickle alone."""
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "pickled"
    shutil.copytree(tiny_model, folder)
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    return folder


def test_pickled_weights_are_refused_unless_the_study_allows_them(pickled, tmp_path):
    home = Home(tmp_path, "small")
    with pytest.raises(InputError, match="safetensors"):
        load_model(study_of({"path": str(pickled)}), home)
    allowed = study_of({"path": str(pickled), "allow_pickle": True})
    assert load_model(allowed, home).num_parameters() > 0


def test_what_a_model_may_do_is_part_of_its_identity(tiny_model, tmp_path):
    home, model = Home(tmp_path, "small"), {"path": str(tiny_model)}
    digests = {
        model_source(study_of(model | risks), home).digest
        for risks in ({}, {"trust_remote_code": True}, {"allow_pickle": True})
    }
    assert len(digests) == 3


def test_an_adapter_cannot_stand_for_the_model(tiny_model, tmp_path):
    folder = tmp_path / "adapter"
    shutil.copytree(tiny_model, folder)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "other/model"}')
    with pytest.raises(InputError, match="merge it into its base model"):
        model_source(study_of({"path": str(folder)}), Home(tmp_path, "small"))


@pytest.fixture
def code_folder(tiny_model, tmp_path) -> Path:
    """A model that brings code, which leaves a file behind when it runs."""
    folder = tmp_path / "code"
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    return folder


def test_code_of_a_model_does_not_run(code_folder, tmp_path):
    home, study = Home(tmp_path, "small"), study_of({"path": str(code_folder)})
    for load in (load_model, load_tokenizer):
        with pytest.raises(InputError):
            load(study, home)
    assert not (tmp_path / "ran").exists()
    trusted = study_of({"path": str(code_folder), "trust_remote_code": True})
    with pytest.raises((InputError, AttributeError)):  # it has no class Own
        load_model(trusted, home)
    assert (tmp_path / "ran").exists()


def test_of_a_hub_s_model_only_what_is_named_is_read(tiny_model, tmp_path, monkeypatch):
    """The hub's cache as its library keeps it, filled by hand: there is no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    snapshot = tmp_path / "cache" / "models--org--m" / "snapshots" / REVISION
    shutil.copytree(tiny_model, snapshot)
    study = study_of({"hub": "org/m", "revision": REVISION})
    source = model_source(study, Home(tmp_path, "small"))
    assert Path(local_folder(source, study.model)) == snapshot
    other = study_of({"hub": "org/m", "revision": "f" * 40})
    with pytest.raises(InputError, match=r"model\.revision"):
        local_folder(model_source(other, Home(tmp_path, "small")), other.model)


@pytest.mark.slow
def test_no_secret_of_the_environment_is_written(tiny_model, tmp_path, monkeypatch):
    """Steps that log most, with canaries where libraries look for tokens."""
    canaries = [f"canary{i}secret{i}" for i in range(4)]
    names = ["HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "DAGSTER_CLOUD_API_TOKEN"]
    for name, canary in zip(names, canaries, strict=True):
        monkeypatch.setenv(name, canary)
    rows = [
        {
            "doc_id": f"d{i}",
            "text": f"the world of day {i} and night",
            "topic": "games",
            "format": f,
        }
        for i in range(8)
        for f in ["faq"]
    ]
    item = {"question": "Which one?", "choices": ["the sun", "the sea"], "answer_index": 0}
    items = [item | {"item_id": f"i{i}"} for i in range(3)]
    for name, lines in {"documents": rows, "items": items}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    benchmark = {"name": "p", "domain": "d", "capability": "c"}
    study = study_of(
        {"path": str(tiny_model), "max_tokens": 64},
        corpus={"path": str(tmp_path / "documents.jsonl")},
        benchmarks=[benchmark | {"path": str(tmp_path / "items.jsonl")}],
        contrasts=[],
        sampling={"documents_per_bin": 8},
        attribution={
            "methods": [{"kind": "trackstar", "projection_dim": 4}],
            "token_batch_size": 64,
            "health_trials": 1,
        },
    )
    lake = Lake(Home(tmp_path / "root", "small"))
    lake.home.create()
    _run_steps(study, lake)
    written = [path for path in lake.home.path.rglob("*") if path.is_file()]
    assert any(path.name == "bergson.log" for path in written)
    for path in written:
        for canary in canaries:
            assert canary.encode() not in path.read_bytes(), path


def _run_steps(study: Study, lake: Lake) -> None:
    made = []
    for fact in ("documents", "sampling_manifest", "benchmark_items"):
        made += make_fact(study, lake, fact)
    made += make_fact(study, lake, "gradient_diagnosis", "base")
    made += make_fact(study, lake, "method_preparation", "base|trackstar")
    for outcomes in made:
        for outcome in outcomes if isinstance(outcomes, list) else [outcomes]:
            write_record(lake.home, outcome, "", Timer())
