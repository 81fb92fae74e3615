"""Training pairs: prompt and completion columns, loss and gradient of the completion alone."""

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose
from transformers import AutoModelForCausalLM

from influence_warehouse.attribution.methods import Artefacts, Documents, method_of
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.errors import InputError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.models.encoding import IGNORED, encode_documents
from influence_warehouse.models.loading import Encoded, load_tokenizer
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.sampling.expectations import check_sampling_manifest
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.objectives import document_losses, padded
from tests.corpus_world import lake_at, study_of, write_items, write_lines
from tests.scoring_lake import matrix_of, scoring_study, write_scoring_lake
from tests.tiny_model import write_tiny_model

COLUMNS = {"prompt": "ask", "completion": "reply"}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "model")


def _rows(*pairs: tuple[str | None, str | None]) -> list[dict]:
    labels = {"topic": "games", "format": "faq"}
    return [
        {"doc_id": f"d{i}", "ask": ask, "reply": reply, **labels}
        for i, (ask, reply) in enumerate(pairs)
    ]


def _made(folder: Path, model: Path, rows: list[dict], **columns) -> tuple[Study, Lake]:
    path = write_lines(folder / "in" / "pairs.jsonl", rows)
    study = study_of(model, {"path": path, "columns": COLUMNS | columns})
    lake = lake_at(folder)
    make_fact(study, lake, "documents")
    return study, lake


def test_a_pair_keeps_its_text_and_where_its_prompt_ends(tmp_path, model):
    rows = _rows(("Who?  ", "the king"), ("", "a queen"), (None, "a man"), ("the city", " and"))
    study, lake = _made(tmp_path, model, rows)
    documents = lake.read("documents")
    found = documents.select("text", "prompt_chars").rows()
    assert found == [("Who?  the king", 6), ("a queen", 0), ("a man", 0), ("the city and", 8)]
    expected = hashlib.sha256(b"Who?  \0the king").hexdigest()
    assert documents["content_sha256"][0] == expected
    make_fact(study, lake, "sampling_manifest")
    write_items(lake, ["is this a question that nobody asks?"])
    failed = [each.name for each in check_sampling_manifest(study, lake) if not each.success]
    assert failed == []


def test_pairs_that_cannot_be_learned_are_set_aside_with_a_reason(tmp_path, model):
    pairs = [("a", " king"), ("a", None), ("a", " \u200b"), ("a", " king"), ("a ", "king")]
    _, lake = _made(tmp_path, model, _rows(*pairs))
    aside = lake.read("documents_set_aside").select("row", "reason", "detail").rows()
    assert aside == [
        (2, "empty_text", "completion: null"),
        (3, "empty_text", "completion: nothing that can be seen"),
        (4, "duplicate_text", "same text as d0"),
    ]
    # Another split of a text is learned otherwise: no copy.
    assert lake.read("documents").select("doc_id", "prompt_chars").rows() == [("d0", 1), ("d4", 2)]


def test_a_prompt_that_ends_inside_a_token_is_refused(tmp_path, model):
    with pytest.raises(InputError, match=r"document d0: the prompt's tokens do not.*Remedy"):
        _made(tmp_path, model, _rows(("the ki", "ng")))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"prompt": "a"}, "need both"),
        ({"text": "t", "prompt": "a", "completion": "b"}, "give `text`, or `prompt`"),
        ({"text": None}, "give `text`, or `prompt`"),
    ],
)
def test_columns_are_a_text_or_a_pair(columns, message):
    with pytest.raises(ValueError, match=message):
        study_of(Path("m"), {"path": "c", "columns": columns})
    study = study_of(Path("m"), {"path": "c", "columns": COLUMNS})
    assert study.corpus.columns.text is None
    assert Study.model_validate(json.loads(study.model_dump_json())) == study


def _frame(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "doc_id": [f"d{i}" for i in range(len(pairs))],
            "text": [prompt + completion for prompt, completion in pairs],
            "prompt_chars": [len(prompt) for prompt, _ in pairs],
        }
    )


def test_labels_are_the_completions_and_a_plain_text_keeps_all(tmp_path, model):
    tokenizer = load_tokenizer(scoring_study(model), lake_at(tmp_path).home)
    prompt, whole = tokenizer.encode("who is the "), tokenizer.encode("who is the king of law")
    pair = encode_documents(_frame(("who is the ", "king of law")), tokenizer, 64)[0]
    assert pair["input_ids"] == whole
    assert pair["labels"] == [IGNORED] * len(prompt) + whole[len(prompt) :]
    plain = _frame(("", "who is the king")).with_columns(prompt_chars=pl.lit(None, pl.Int32))
    text = encode_documents(plain, tokenizer, 64)[0]
    assert text["labels"] == text["input_ids"]


@pytest.mark.parametrize("max_tokens", [8, 4, 3])
def test_of_a_long_pair_the_prompt_is_cut_first(tmp_path, model, max_tokens):
    tokenizer = load_tokenizer(scoring_study(model), lake_at(tmp_path).home)
    pair = encode_documents(_frame(("who is the man", " of law")), tokenizer, 64)[0]
    n_prompt = pair["labels"].count(IGNORED)
    answer = pair["input_ids"][n_prompt:]
    cut = encode_documents(_frame(("who is the man", " of law")), tokenizer, max_tokens)[0]
    kept = answer[: max_tokens - 1]
    room = min(n_prompt, max_tokens - len(kept))
    assert cut["input_ids"] == pair["input_ids"][n_prompt - room : n_prompt] + kept
    assert cut["labels"] == [IGNORED] * room + kept


def test_a_pair_is_encoded_as_an_item_of_the_same_words(tmp_path, model):
    tokenizer = load_tokenizer(scoring_study(model), lake_at(tmp_path).home)
    item = {"benchmark": "a", "item_id": "1", "prompt": "who?", "choices": ["the king"]}
    items = pl.DataFrame([item | {"answer_index": 0}])
    pairs = _frame(("who?", " the king"))
    assert encode_documents(pairs, tokenizer, 64) == encode_queries(items, tokenizer, 64)


def _pairs_lake(folder: Path) -> Lake:
    """The scoring lake, with the first half of each text a prompt."""
    lake = write_scoring_lake(folder, shards=1, n_documents=8)
    documents = lake.read("documents")
    halves = [len(" ".join(text.split()[: len(text.split()) // 2])) for text in documents["text"]]
    changed = documents.with_columns(prompt_chars=pl.Series(halves, dtype=pl.Int32))
    lake.write("documents", changed, Fingerprint.of("documents", test="pairs"))
    return lake


def test_trackstar_scores_the_gradient_of_the_completion(tmp_path, model):
    """Equal to masked sequences given directly; not to the whole text's."""
    lake = _pairs_lake(tmp_path)
    study = scoring_study(model, shards=1, benchmarks=("alpha",))
    method = method_of(study.narrowed("base", "trackstar"), lake)
    documents = Documents(lake, lake.read("sampling_manifest").sort("doc_id"))
    items = lake.read("benchmark_items").filter(benchmark="alpha")
    made = Artefacts(tmp_path / "prepared", tmp_path / "index")
    method.prepare(documents, items, made.prepared)
    method.index(items, made.index)
    scores = matrix_of(lambda write: method.score(documents, items, made, write), 8)

    tokenizer = load_tokenizer(study, lake.home)
    masked, whole = [], []
    for _, text, prompt_chars in documents.read().rows():
        ids, n_prompt = tokenizer.encode(text), len(tokenizer.encode(text[:prompt_chars]))
        masked.append(Encoded(input_ids=ids, labels=[IGNORED] * n_prompt + ids[n_prompt:]))
        whole.append(Encoded(input_ids=ids, labels=list(ids)))
    gradients, comparison = method.gradients(), method.comparison(made.prepared)

    def directly(rows: list[Encoded]) -> np.ndarray:
        return matrix_of(lambda write: gradients.score(rows, comparison, made.index, write), 8)

    assert_allclose(scores, directly(masked), rtol=1e-6, atol=1e-9)
    of_all = directly(whole)
    assert np.abs(scores - of_all).max() > 1e-3


def test_unlearning_counts_the_loss_of_the_completion(tmp_path, model):
    tokenizer = load_tokenizer(scoring_study(model), lake_at(tmp_path).home)
    pair = encode_documents(_frame(("who is the man", " of law")), tokenizer, 64)
    network = AutoModelForCausalLM.from_pretrained(model).eval()
    with torch.inference_mode():
        losses = document_losses(network, padded(pair, pad=3))
        logits = network(torch.tensor([pair[0]["input_ids"]])).logits[0].log_softmax(-1)
    ids, n_prompt = pair[0]["input_ids"], pair[0]["labels"].count(IGNORED)
    expected = -sum(float(logits[i - 1, ids[i]]) for i in range(n_prompt, len(ids)))
    assert int(losses.tokens[0]) == len(ids) - n_prompt
    assert float(losses.nll[0]) == pytest.approx(expected, rel=1e-5)
