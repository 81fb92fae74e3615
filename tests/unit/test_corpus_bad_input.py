"""Broken corpora: each a clear error that names file, field and remedy, and loses nothing."""

import gzip
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from influence_warehouse.corpus import streams
from influence_warehouse.errors import InputError
from influence_warehouse.pipeline.making import make_fact
from tests.corpus_world import lake_at, rows_of, study_of, write_lines

GOOD = rows_of(3)
LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def _missing(folder):
    return {"path": folder / "nowhere.parquet"}, ["nowhere.parquet", "corpus.path"]


def _empty_folder(folder):
    (folder / "in").mkdir()
    return {"path": folder / "in"}, ["in: no file", "corpus.path", ".jsonl.zst"]


def _folder_of_other_files(folder):
    (folder / "in").mkdir()
    (folder / "in" / "documents.csv").write_text("doc_id,text\n1,a\n")
    return {"path": folder / "in"}, ["in: no file", "corpus.path"]


def _parquet_without_rows(folder):
    schema = dict.fromkeys(("doc_id", "text", "topic", "format"), pl.String)
    pl.DataFrame(schema=schema).write_parquet(folder / "c.parquet")
    return {"path": folder / "c.parquet"}, ["c.parquet", "no usable document", "corpus.columns"]


def _file_of_nothing(folder):
    (folder / "c.jsonl").touch()
    return {"path": folder / "c.jsonl"}, ["c.jsonl", "no usable document", "0 rows read"]


def _parquet_that_is_text(folder):
    (folder / "c.parquet").write_text("doc_id,text\n1,a\n")
    return {"path": folder / "c.parquet"}, ["c.parquet", "not readable as Parquet"]


def _parquet_cut_short(folder):
    pl.DataFrame(GOOD).write_parquet(folder / "c.parquet")
    content = (folder / "c.parquet").read_bytes()
    (folder / "c.parquet").write_bytes(content[: len(content) // 2])
    return {"path": folder / "c.parquet"}, ["c.parquet", "not readable as Parquet"]


def _parquet_without_column(folder):
    pl.DataFrame(GOOD).drop("text").write_parquet(folder / "c.parquet")
    return {"path": folder / "c.parquet"}, ["c.parquet", "no column 'text'", "corpus.columns.text"]


def _numbers_as_text(folder):
    pl.DataFrame(GOOD).with_columns(text=pl.lit(1.5)).write_parquet(folder / "c.parquet")
    words = ["c.parquet", "column 'text'", "corpus.columns.text", "is double, expected text"]
    return {"path": folder / "c.parquet"}, words


def _confidence_as_text(folder):
    pl.DataFrame(GOOD).with_columns(sure=pl.lit("high")).write_parquet(folder / "c.parquet")
    corpus = {"path": folder / "c.parquet", "columns": {"label_confidence": "sure"}}
    return corpus, ["c.parquet", "corpus.columns.label_confidence", "expected a number"]


def _parquet_not_utf8(folder):
    texts = pa.array([b"caf\xe9", b"b", b"c"]).view(pa.string())
    rest = pl.DataFrame(GOOD).drop("text").to_arrow()
    pq.write_table(rest.append_column("text", texts), folder / "c.parquet")
    words = ["bad_encoding: 1 rows", "c.parquet, row 1", "text: byte 0xe9", "corpus.rules.bad"]
    return {"path": folder / "c.parquet"}, words


def _lines_not_json(folder):
    (folder / "c.jsonl").write_text(json.dumps(GOOD[0]) + "\n{'doc_id': 1}\n")
    return {"path": folder / "c.jsonl"}, ["c.jsonl, line 2", "not valid JSON"]


def _one_json_array(folder):
    (folder / "c.jsonl").write_text(json.dumps(GOOD))
    return {"path": folder / "c.jsonl"}, ["c.jsonl, line 1", "JSON list", "one JSON object per"]


def _nested_too_deep(folder):
    (folder / "c.jsonl").write_text("[" * 150_000 + "\n")
    return {"path": folder / "c.jsonl"}, ["c.jsonl, line 1", "not valid JSON"]


def _number_too_long(folder):
    (folder / "c.jsonl").write_text('{"doc_id": ' + "9" * 10_000 + "}\n")
    return {"path": folder / "c.jsonl"}, ["c.jsonl, line 1", "not valid JSON"]


def _line_without_key(folder):
    path = write_lines(folder / "c.jsonl", [*GOOD, {"doc_id": "x", "body": "text"}])
    return {"path": path}, ["c.jsonl, row 4", "no column 'text'", "'body'", "corpus.columns.text"]


def _line_with_list(folder):
    path = write_lines(folder / "c.jsonl", [{**GOOD[0], "text": ["a", "b"]}])
    return {"path": path}, ["c.jsonl, row 1", "corpus.columns.text", "is list, expected text"]


def _id_as_fraction(folder):
    path = write_lines(folder / "c.jsonl", [{**GOOD[0], "doc_id": 1.5}])
    return {"path": path}, ["c.jsonl, row 1", "corpus.columns.doc_id", "expected text or integer"]


def _gzip_cut_short(folder):
    content = gzip.compress(json.dumps(GOOD[0]).encode() * 1000)
    (folder / "c.jsonl.gz").write_bytes(content[:-20])
    return {"path": folder / "c.jsonl.gz"}, ["c.jsonl.gz", "cannot be read to its end"]


def _zstd_cut_short(folder):
    content = zstandard.ZstdCompressor().compress(json.dumps(GOOD[0]).encode() * 1000)
    (folder / "c.jsonl.zst").write_bytes(content[:-5])
    return {"path": folder / "c.jsonl.zst"}, ["c.jsonl.zst", "cannot be read to its end"]


def _gzip_that_is_text(folder):
    (folder / "c.jsonl.gz").write_text(json.dumps(GOOD[0]))
    return {"path": folder / "c.jsonl.gz"}, ["c.jsonl.gz", "suffix fits its compression"]


def _gzip_bomb(folder):
    (folder / "c.jsonl.gz").write_bytes(gzip.compress(b"\n" * 4_000_000))
    return {"path": folder / "c.jsonl.gz"}, ["c.jsonl.gz", "over 200 times its size"]


def _endless_line(folder):
    (folder / "c.jsonl").write_bytes(b"{" + b" " * 300_000)
    return {"path": folder / "c.jsonl"}, ["c.jsonl, line 1", "longer than 200,000 bytes"]


def _lone_surrogate(folder):
    path = write_lines(folder / "c.jsonl", [*GOOD, {**GOOD[0], "text": "a\ud800"}])
    return {"path": path}, ["bad_encoding: 1 rows", "row 4", "lone surrogate U+D800", "d0000"]


def _nul_in_text(folder):
    path = write_lines(folder / "c.jsonl", [{**GOOD[0], "text": "a\x00b"}])
    return {"path": path}, ["bad_encoding", "text: NUL at character 1", "corpus.rules.bad_enc"]


def _label_outside_taxonomy(folder):
    path = write_lines(folder / "c.jsonl", [{**row, "topic": "gardening"} for row in GOOD])
    words = ["unknown_label: 3 rows", "c.jsonl, row 1", "topic: gardening", "corpus.rules.unknown"]
    return {"path": path}, words


def _label_missing(folder):
    path = write_lines(folder / "c.jsonl", [{**GOOD[0], "format": None}])
    return {"path": path}, ["unknown_label: 1 rows", "format: null", "corpus.labels: classifiers"]


def _same_id_twice(folder):
    path = write_lines(folder / "c.jsonl", [*GOOD, {**GOOD[0], "text": "other"}])
    return {"path": path}, ["duplicate_id: 1 rows", "doc_id d0000", "corpus.rules.duplicate_id"]


def _id_missing(folder):
    path = write_lines(folder / "c.jsonl", [*GOOD, {**GOOD[0], "doc_id": None}])
    return {"path": path}, ["missing_id: 1 rows", "row 4", "corpus.columns.doc_id"]


def _same_text_refused(folder):
    path = write_lines(folder / "c.jsonl", [*GOOD, {**GOOD[0], "doc_id": "x"}])
    corpus = {"path": path, "rules": {"duplicate_text": "refuse"}}
    return corpus, ["duplicate_text: 1 rows", "doc_id x", "same text as d0000", "corpus.rules.dup"]


def _blank_text_refused(folder):
    path = write_lines(folder / "c.jsonl", [*GOOD, {**GOOD[0], "doc_id": "x", "text": " \n"}])
    corpus = {"path": path, "rules": {"empty_text": "refuse"}}
    return corpus, ["empty_text: 1 rows", "doc_id x", "can be seen", "corpus.rules.empty_text"]


def _nothing_left(folder):
    path = write_lines(folder / "c.jsonl", [{**row, "text": ""} for row in GOOD])
    return {"path": path}, ["c.jsonl", "no usable document", "{'empty_text': 3}"]


def _replacement_character(folder):
    path = write_lines(folder / "c.jsonl", [*GOOD, {**GOOD[0], "text": "caf\ufffd"}])
    return {"path": path}, ["bad_encoding: 1 rows", "row 4", "U+FFFD at character 3"]


def _confidence_in_percent(folder):
    path = write_lines(folder / "c.jsonl", [{**row, "sure": 87.5} for row in GOOD])
    corpus = {"path": path, "columns": {"label_confidence": "sure"}}
    return corpus, ["c.jsonl, row 1", "label_confidence 87.5", "0 to 1", "by 100"]


def _confidence_not_a_number(folder):
    pl.DataFrame(GOOD).with_columns(sure=pl.lit(float("nan"))).write_parquet(folder / "c.parquet")
    corpus = {"path": folder / "c.parquet", "columns": {"label_confidence": "sure"}}
    return corpus, ["c.parquet, row 1", "label_confidence nan", "0 to 1"]


def _invisible_text_refused(folder):
    blank = "\u200b\u2060 \ufeff\u3164\n"
    path = write_lines(folder / "c.jsonl", [*GOOD, {**GOOD[0], "doc_id": "x", "text": blank}])
    corpus = {"path": path, "rules": {"empty_text": "refuse"}}
    return corpus, ["empty_text: 1 rows", "doc_id x", "nothing that can be seen"]


def _parquet_column_twice(folder):
    table = pl.DataFrame(GOOD).to_arrow()
    pq.write_table(table.append_column("text", table["text"]), folder / "c.parquet")
    return {"path": folder / "c.parquet"}, ["c.parquet", "'text' stands there 2 times"]


def _json_key_twice(folder):
    path = write_lines(folder / "c.jsonl", GOOD)
    path.write_text(path.read_text().replace('"topic"', '"text": "other", "topic"', 1))
    return {"path": path}, ["c.jsonl, line 1", "the key 'text' is given twice"]


def _labels_in_names_of_folders(folder):
    for topic in ("games", "health"):
        target = folder / "in" / f"topic={topic}" / "format=faq" / "a.parquet"
        target.parent.mkdir(parents=True)
        pl.DataFrame(GOOD).drop("topic", "format").write_parquet(target)
    return {"path": folder / "in"}, ["topic stands in the names of folders", "hive_partitioning"]


def _labels_in_an_object(folder):
    rows = [{"id": 1, "text": "a", "metadata": {"topic": "games", "format": "faq"}}]
    path = write_lines(folder / "c.jsonl", rows)
    columns = {"doc_id": "id", "topic": "metadata.topic", "format": "metadata.format"}
    words = ["'metadata.topic'", "inside an object", "select *, metadata.topic"]
    return {"path": path, "columns": columns}, words


def _classes_as_numbers(folder):
    pl.DataFrame(GOOD).with_columns(topic=pl.lit(5)).write_parquet(folder / "c.parquet")
    return {"path": folder / "c.parquet"}, ["column 'topic'", "numbers of classes", "name"]


def _classes_as_numbers_in_json(folder):
    path = write_lines(folder / "c.jsonl", [{**row, "format": 5} for row in GOOD])
    return {"path": path}, ["column 'format'", "numbers of classes", "name"]


def _lfs_pointer_as_parquet(folder):
    (folder / "c.parquet").write_text(LFS_POINTER)
    return {"path": folder / "c.parquet"}, ["c.parquet", "pointer of Git LFS", "git lfs pull"]


def _lfs_pointer_as_lines(folder):
    (folder / "c.jsonl").write_text(LFS_POINTER)
    return {"path": folder / "c.jsonl"}, ["c.jsonl", "pointer of Git LFS", "git lfs pull"]


def _utf16_lines(folder):
    (folder / "c.jsonl").write_text(json.dumps(GOOD[0]), encoding="utf-16")
    return {"path": folder / "c.jsonl"}, ["c.jsonl", "UTF-16", "UTF-8"]


def _plain_json(folder):
    write_lines(folder / "in" / "documents.json", GOOD)
    return {"path": folder / "in"}, ["in: no file", "documents.json", "must be named .jsonl"]


def _saved_to_disk(folder):
    from datasets import Dataset

    Dataset.from_list(GOOD).save_to_disk(str(folder / "in"))
    return {"path": folder / "in"}, ["in: no file", "save_to_disk", "to_parquet"]


def _hub_without_split(folder):
    (folder / "hub").mkdir()
    pl.DataFrame(GOOD).write_parquet(folder / "hub" / "train.parquet")
    hub = {"dataset": str(folder / "hub"), "revision": "v1", "split": "test"}
    return {"hub": hub}, ["hub@v1", "cannot be read", "corpus.hub"]


def _hub_without_column(folder):
    (folder / "hub").mkdir()
    pl.DataFrame(GOOD).drop("topic").write_parquet(folder / "hub" / "train.parquet")
    hub = {"dataset": str(folder / "hub"), "revision": "v1"}
    return {"hub": hub}, ["hub@v1, row 1", "no column 'topic'", "corpus.columns.topic"]


def _classifier_missing(folder):
    path = write_lines(folder / "c.jsonl", GOOD)
    classifiers = {"topic_model": str(folder / "none"), "format_model": str(folder / "none")}
    corpus = {"path": path, "labels": "classifiers", "classifiers": classifiers}
    return corpus, ["none: the topic classifier", "corpus.classifiers.topic_model"]


CASES = [
    *(_missing, _empty_folder, _folder_of_other_files, _parquet_without_rows, _file_of_nothing),
    *(_parquet_that_is_text, _parquet_cut_short, _parquet_without_column, _numbers_as_text),
    *(_confidence_as_text, _parquet_not_utf8, _lines_not_json, _one_json_array, _nested_too_deep),
    *(_number_too_long, _line_without_key, _line_with_list, _id_as_fraction, _gzip_cut_short),
    *(_zstd_cut_short, _gzip_that_is_text, _gzip_bomb, _endless_line, _lone_surrogate),
    *(_nul_in_text, _label_outside_taxonomy, _label_missing, _same_id_twice, _id_missing),
    *(_same_text_refused, _blank_text_refused, _nothing_left, _hub_without_split),
    *(_hub_without_column, _classifier_missing, _replacement_character, _confidence_in_percent),
    *(_confidence_not_a_number, _invisible_text_refused, _parquet_column_twice, _json_key_twice),
    *(_labels_in_names_of_folders, _labels_in_an_object, _classes_as_numbers),
    *(_classes_as_numbers_in_json, _lfs_pointer_as_parquet, _lfs_pointer_as_lines, _utf16_lines),
    *(_plain_json, _saved_to_disk),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__.strip("_"))
def test_the_error_names_file_field_and_remedy(case, tmp_path, tiny_model, monkeypatch):
    monkeypatch.setattr(streams, "EXPANSION_FLOOR_BYTES", 1 << 20)
    monkeypatch.setattr(streams, "MAX_LINE_BYTES", 200_000)
    lake = lake_at(tmp_path)
    earlier = write_lines(tmp_path / "earlier.jsonl", rows_of(2))
    make_fact(study_of(tiny_model, {"path": earlier}), lake, "documents")
    before = {file: file.read_bytes() for file in lake.home.lake.iterdir()}
    corpus, words = case(Path(tmp_path))
    with pytest.raises(InputError) as caught:
        make_fact(study_of(tiny_model, corpus), lake, "documents")
    message = str(caught.value)
    assert [word for word in [*words, "Remedy"] if word not in message] == [], message
    assert {file: file.read_bytes() for file in lake.home.lake.iterdir()} == before


def test_a_refusal_shows_five_examples_of_many(tmp_path, tiny_model):
    path = write_lines(tmp_path / "c.jsonl", [{**row, "topic": "?"} for row in rows_of(50)])
    with pytest.raises(InputError) as caught:
        make_fact(study_of(tiny_model, {"path": path}), lake_at(tmp_path), "documents")
    assert str(caught.value).count("c.jsonl, row") == 5
    assert "unknown_label: 50 rows" in str(caught.value)
