"""Every row of a corpus is a document or set aside with a reason, whatever the file format."""

import hashlib
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.corpus import readers
from influence_warehouse.lake.facts import Lake
from influence_warehouse.models.loading import load_tokenizer
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact
from tests.corpus_world import lake_at, rows_of, study_of, write_lines

SET_ALL_ASIDE = dict.fromkeys(
    ["duplicate_text", "empty_text", "bad_encoding", "unknown_label", "duplicate_id"], "set_aside"
)


def made(root: Path, model: Path, corpus: dict) -> Lake:
    lake = lake_at(root)
    make_fact(study_of(model, corpus), lake, "documents")
    return lake


FREE_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "doc_id": st.sampled_from(["a", "b", "c", "d", "", None, "\x00"]) | st.integers(0, 9),
            "text": st.sampled_from(["one", "two", "  ", None, "\ud800", "nul\x00"]) | st.text(),
            "topic": st.sampled_from(["games", "Food & Dining", "nonsense", None]),
            "format": st.sampled_from(["faq", "FAQ", "Truncated"]),
        }
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(rows=FREE_ROWS)
def test_rows_in_are_documents_plus_set_aside(rows, tiny_model):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_lines(folder / "c.jsonl", [*rows_of(1), *rows])
        lake = made(folder, tiny_model, {"path": path, "rules": SET_ALL_ASIDE})
        documents, aside = lake.read("documents"), lake.read("documents_set_aside")
    assert documents.height + aside.height == 1 + len(rows)
    assert documents["content_sha256"].is_unique().all()
    assert aside.null_count().select("reason", "detail", "file", "row").row(0) == (0, 0, 0, 0)
    for row in documents.iter_rows(named=True):
        assert row["content_sha256"] == hashlib.sha256(row["text"].encode()).hexdigest()
        assert row["n_chars"] == len(row["text"])


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_documents_do_not_depend_on_the_order_of_rows(data, tiny_model):
    rows = [
        *rows_of(3),
        {**rows_of(1)[0], "doc_id": "copy"},
        {**rows_of(1)[0], "doc_id": "a-copy"},
        {**rows_of(1)[0], "text": "another text under the same id"},
        {**rows_of(1)[0], "topic": "health"},
    ]
    shuffled = data.draw(st.permutations(rows))
    frames = []
    with tempfile.TemporaryDirectory() as name:
        for part, content in (("a", rows), ("b", shuffled)):
            path = write_lines(Path(name) / part / "c.jsonl", content)
            corpus = {"path": path, "rules": SET_ALL_ASIDE}
            frames.append(made(Path(name) / part, tiny_model, corpus).read("documents"))
    assert frames[0].equals(frames[1])


def test_of_equal_texts_the_smallest_id_stays(tmp_path, tiny_model):
    rows = [{**rows_of(1)[0], "doc_id": doc_id} for doc_id in ("c", "a", "b")]
    lake = made(tmp_path, tiny_model, {"path": write_lines(tmp_path / "c.jsonl", rows)})
    assert lake.read("documents")["doc_id"].to_list() == ["a"]
    aside = lake.read("documents_set_aside").sort("doc_id")
    assert aside.select("doc_id", "reason", "detail").rows() == [
        ("b", "duplicate_text", "same text as a"),
        ("c", "duplicate_text", "same text as a"),
    ]


def _as_parquet(folder: Path, rows: list[dict]) -> dict:
    folder.mkdir()
    pl.DataFrame(rows).write_parquet(folder / "c.parquet", row_group_size=7)
    return {"path": folder / "c.parquet"}


def _as_dictionary_parquet(folder: Path, rows: list[dict]) -> dict:
    folder.mkdir()
    frame = pl.DataFrame(rows).with_columns(pl.col("topic", "format").cast(pl.Categorical))
    frame.write_parquet(folder / "c.parquet")
    return {"path": folder / "c.parquet"}


def _as_folder(folder: Path, rows: list[dict]) -> dict:
    write_lines(folder / "z" / "part.jsonl.zst", rows[:10])
    write_lines(folder / "a.jsonl.gz", rows[10:20])
    pl.DataFrame(rows[20:]).write_parquet(folder / "m.parquet")
    (folder / "README.md").write_text("not documents")
    return {"path": folder}


def _as_hub(folder: Path, rows: list[dict]) -> dict:
    folder.mkdir()
    pl.DataFrame(rows).write_parquet(folder / "train-00000.parquet")
    return {"hub": {"dataset": str(folder), "revision": "main"}}


@pytest.mark.parametrize("write", [_as_parquet, _as_dictionary_parquet, _as_folder, _as_hub])
def test_every_way_to_store_a_corpus_gives_the_same_documents(
    tmp_path, tiny_model, write, monkeypatch
):
    monkeypatch.setattr(readers, "BATCH_ROWS", 4)
    rows = rows_of(30)
    plain = {"path": write_lines(tmp_path / "plain" / "c.jsonl", rows)}
    expected = made(tmp_path / "plain", tiny_model, plain).read("documents")
    found = made(tmp_path / "other", tiny_model, write(tmp_path / "in", rows)).read("documents")
    assert found.equals(expected)
    assert found.height == 30


def test_columns_are_mapped_and_numbers_become_ids(tmp_path, tiny_model):
    frame = pl.DataFrame(
        {"n": [7, 8], "body": ["one day", "two days"], "t": ["Travel"] * 2, "f": ["Q&A Forum"] * 2,
         "sure": [0.5, None], "link": ["http://a", None], "from": ["crawl"] * 2}
    )  # fmt: skip
    frame.write_parquet(tmp_path / "c.parquet")
    names = {"doc_id": "n", "text": "body", "topic": "t", "format": "f", "label_confidence": "sure"}
    columns = {**names, "url": "link", "source": "from"}
    lake = made(tmp_path, tiny_model, {"path": tmp_path / "c.parquet", "columns": columns})
    first, second = lake.read("documents").iter_rows(named=True)
    assert (first["doc_id"], first["topic"], first["format"]) == (
        *("7", "travel_and_tourism"),
        "q_a_forum",
    )
    assert (first["label_confidence"], first["url"], first["source"]) == (0.5, "http://a", "crawl")
    assert (second["doc_id"], second["label_confidence"], second["url"]) == ("8", None, None)


def test_tokens_are_those_of_the_models_tokenizer(tmp_path, tiny_model):
    study = study_of(tiny_model, {"path": write_lines(tmp_path / "c.jsonl", rows_of(20))})
    lake = lake_at(tmp_path)
    make_fact(study, lake, "documents")
    tokenizer = load_tokenizer(study, lake.home)
    for text, count in lake.read("documents").select("text", "n_tokens").iter_rows():
        assert count == len(tokenizer(text)["input_ids"])


def test_a_second_run_reuses_and_a_changed_file_does_not(tmp_path, tiny_model):
    path = write_lines(tmp_path / "c.jsonl", rows_of(3))
    study, lake = study_of(tiny_model, {"path": path}), lake_at(tmp_path)
    assert [outcome.reused for outcome in make_fact(study, lake, "documents")] == [False, False]
    assert [outcome.reused for outcome in make_fact(study, lake, "documents")] == [True, True]
    write_lines(path, rows_of(4))
    again = make_fact(study, lake, "documents")
    assert [(outcome.reused, outcome.rows) for outcome in again] == [(False, 4), (False, 0)]


def test_the_fingerprint_ignores_where_the_corpus_is_and_sees_its_rules(tmp_path, tiny_model):
    lake = lake_at(tmp_path)
    here = write_lines(tmp_path / "a" / "c.jsonl", rows_of(3))
    there = write_lines(tmp_path / "b" / "c.jsonl", rows_of(3))
    digests = [
        fingerprint_of(study_of(tiny_model, corpus), lake, "documents").digest
        for corpus in (
            {"path": here},
            {"path": there},
            {"path": here, "licence": "CC0"},
            {"path": here, "rules": {"duplicate_id": "set_aside"}},
        )
    ]
    assert digests[0] == digests[1] == digests[2] != digests[3]


@pytest.mark.parametrize("write", [_as_parquet, _as_hub])
def test_a_row_set_aside_is_named_by_its_number_in_the_file(
    tmp_path, tiny_model, write, monkeypatch
):
    monkeypatch.setattr(readers, "BATCH_ROWS", 4)
    rows = rows_of(12)
    rows[9]["text"] = ""
    aside = made(tmp_path, tiny_model, write(tmp_path / "in", rows)).read("documents_set_aside")
    assert aside.select("row", "doc_id", "reason").rows() == [(10, "d0009", "empty_text")]
