"""Labels: every spelling of the taxonomy means one slug; classifiers label as their config says."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from influence_warehouse.corpus.labels import (
    PUBLISHED_FORMATS,
    PUBLISHED_TOPICS,
    classify,
    load_classifiers,
    slug_of,
)
from influence_warehouse.errors import InputError
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.corpus import Classifiers
from influence_warehouse.taxonomy import FORMATS, TITLES, TOPICS
from tests.corpus_world import lake_at, study_of, write_lines
from tests.tiny_model import write_tiny_tokenizer

TEXTS = ["the king", "a river and a temple of the old", "food", "good law good law " * 20, "star"]


def write_classifier(folder: Path, labels: list[str] | None, seed: int = 0) -> str:
    """A random encoder with a classification head of 24 outputs, labelled `labels`."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = write_tiny_tokenizer(folder)
    heads = {"num_labels": 24} if labels is None else {"id2label": dict(enumerate(labels))}
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=64, initializer_range=1.0,
        pad_token_id=tokenizer.pad_token_id, **heads,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertForSequenceClassification(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("classifiers")
    return {
        "topic_model": write_classifier(folder / "topic", list(PUBLISHED_TOPICS), seed=1),
        "format_model": write_classifier(folder / "format", None, seed=2),
        "max_tokens": 32,
    }


@pytest.mark.parametrize(
    ("kind", "slugs", "published"),
    [("topic", TOPICS, PUBLISHED_TOPICS), ("format", FORMATS, PUBLISHED_FORMATS)],
)
def test_slugs_titles_and_published_names_mean_their_slug(kind, slugs, published):
    assert sorted(published.values()) == sorted(slugs)
    for slug in slugs:
        for spelling in (slug, slug.upper(), slug.replace("_", "-"), TITLES[slug]):
            assert slug_of(kind, spelling) == slug
    for name, slug in published.items():
        assert slug_of(kind, name) == slug


@given(text=st.text())
def test_any_other_label_means_nothing_or_a_slug(text):
    assert slug_of("topic", text) in {None, *TOPICS}
    assert slug_of("format", text) in {None, *FORMATS}


@pytest.mark.parametrize("label", ["", "News", "About", "soft", "art", "travel topics", "24"])
def test_an_ambiguous_or_partial_label_means_nothing(label):
    assert slug_of("topic", label) is None
    assert slug_of("format", label) is None


def _expected(folder: str, texts: list[str], names: list[str]) -> tuple[list[str], list[float]]:
    """One text at a time, without padding, straight through transformers."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    labels, sure = [], []
    for text in texts:
        encoded = tokenizer(text, truncation=True, max_length=32, return_tensors="pt")
        with torch.no_grad():
            chances = model(**encoded).logits.softmax(-1)[0]
        labels.append(names[int(chances.argmax())])
        sure.append(float(chances.max()))
    return labels, sure


@pytest.mark.parametrize("batch_size", [1, 2, 5])
@pytest.mark.parametrize("include_url", [False, True])
def test_labels_are_those_of_the_models_whatever_the_batch(classifiers, batch_size, include_url):
    documents = pl.DataFrame({"text": TEXTS, "url": ["city of water", None, "a", "b", "happy"]})
    settings = Classifiers(**classifiers, batch_size=batch_size, include_url=include_url)
    found = classify(documents, settings, load_classifiers(settings))
    inputs = TEXTS
    if include_url:
        inputs = [f"{url or ''}\n\n{text}" for text, url in documents.iter_rows()]
    topics, topic_sure = _expected(
        classifiers["topic_model"], inputs, list(PUBLISHED_TOPICS.values())
    )
    formats, format_sure = _expected(
        classifiers["format_model"], inputs, list(PUBLISHED_FORMATS.values())
    )
    assert found["topic"].to_list() == topics
    assert found["format"].to_list() == formats
    expected = [min(pair) for pair in zip(topic_sure, format_sure, strict=True)]
    assert found["label_confidence"].to_list() == pytest.approx(expected, abs=1e-6)
    assert len(set(topics)) > 1, "a stand-in that always says the same tests nothing"


def test_a_corpus_without_labels_is_labelled(tmp_path, tiny_model, classifiers):
    rows = [{"doc_id": f"d{i}", "text": text} for i, text in enumerate(TEXTS)]
    path = write_lines(tmp_path / "c.jsonl", rows)
    corpus = {"path": path, "labels": "classifiers", "classifiers": classifiers}
    study, lake = study_of(tiny_model, corpus), lake_at(tmp_path)
    make_fact(study, lake, "documents")
    documents = lake.read("documents")
    settings = Classifiers(**classifiers)
    labels = classify(documents, settings, load_classifiers(settings))
    assert documents.select("topic", "format", "label_confidence").equals(labels)
    assert set(documents["topic"]) <= set(TOPICS)


def test_the_fingerprint_sees_the_classifiers_weights_and_not_the_batch_size(
    tmp_path, tiny_model, classifiers
):
    path = write_lines(tmp_path / "c.jsonl", [{"doc_id": "d", "text": "food"}])
    other = write_classifier(tmp_path / "other", list(PUBLISHED_TOPICS), seed=3)
    digests = []
    for change in ({}, {"batch_size": 2}, {"topic_model": other}):
        section = {"path": path, "labels": "classifiers", "classifiers": classifiers | change}
        study = study_of(tiny_model, section)
        digests.append(fingerprint_of(study, lake_at(tmp_path), "documents").digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    "labels",
    [["sports", "politics"], [*list(PUBLISHED_TOPICS)[:23], "Gardening"], list(PUBLISHED_FORMATS)],
    ids=["two", "one-strange", "formats"],
)
def test_a_classifier_of_something_else_is_refused(tmp_path, classifiers, labels):
    wrong = write_classifier(tmp_path / "wrong", labels)
    settings = Classifiers(**classifiers | {"topic_model": wrong})
    with pytest.raises(InputError, match=r"wrong: .*corpus.classifiers.topic_model.*Remedy"):
        load_classifiers(settings)
