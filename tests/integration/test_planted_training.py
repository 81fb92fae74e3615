"""Training the planted model: whole or absent, the same from the same seed, able to learn."""

import pytest
import torch

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.loading import load_model, load_tokenizer, model_source
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.planted import training, world
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
    torch.manual_seed(0)
    model = training._fresh_model(tokenizer).eval()
    short, long = [5, 6, 7, 8], list(range(10, 40))
    with torch.no_grad():
        alone = [_loss(model, [ids]) for ids in (short, long)]
        together = _loss(model, [short, long])
    predicted = [len(short) - 1, len(long) - 1]
    expected = sum(n * loss for n, loss in zip(predicted, alone, strict=True)) / sum(predicted)
    assert together == pytest.approx(expected, abs=1e-5)


def _loss(model, batch: list[list[int]]) -> float:
    inputs, labels = training._tensors(batch, 1)
    return model(input_ids=inputs, labels=labels).loss.item()
