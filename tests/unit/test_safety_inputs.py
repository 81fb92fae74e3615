"""Files of strangers: any bytes end in rows or in a readable error, at a bounded cost."""

import io
import json
import tempfile
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.benchmarks.items import read_items
from influence_warehouse.corpus import readers
from influence_warehouse.corpus.readers import read_corpus
from influence_warehouse.errors import InfluenceError, InputError
from influence_warehouse.exchange.imports.bin_scores import COLUMNS, read_bin_scores
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.study import Study
from tests.unit.test_study import content

FUZZ = settings(max_examples=150, deadline=None, derandomize=True, database=None)
ROW = {"doc_id": "d1", "text": "a text", "topic": "games", "format": "faq"}
ITEM = {"item_id": "i1", "question": "Which?", "choices": ["a", "b"], "answer_index": 0}


def parquet_bytes(row: dict) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame([row]).write_parquet(buffer)
    return buffer.getvalue()


GOOD = {
    "documents.jsonl": json.dumps(ROW).encode() + b"\n",
    "documents.parquet": parquet_bytes(ROW),
    "items.jsonl": json.dumps(ITEM).encode() + b"\n",
    "items.parquet": parquet_bytes(ITEM),
    "scores.csv": (",".join(COLUMNS) + "\nGames,FAQ,0,-0.7,3\nGames,Listicle,1,0.7,3\n").encode(),
}


def read(path: Path) -> None:
    """Read a file as what its name says it is."""
    folder = path.parent
    corpus, items = folder / "documents.jsonl", folder / "items.jsonl"
    corpus, items = (path if path.stem == p.stem else p for p in (corpus, items))
    benchmark = {"name": "p", "domain": "d", "capability": "c", "path": str(items)}
    study = Study.model_validate(
        content(corpus={"path": str(corpus)}, benchmarks=[benchmark], contrasts=[])
    )
    home = Home(folder, "small")
    if path.stem == "documents":
        list(read_corpus(study, home))
    elif path.stem == "items":
        read_items(study, study.benchmarks[0], home)
    else:
        read_bin_scores(path, 10.0)


@st.composite
def damaged(draw) -> tuple[str, bytes]:
    """A good file with bytes replaced, cut off or put in; or bytes that are no file at all."""
    name = draw(st.sampled_from(sorted(GOOD)))
    data = bytearray(GOOD[name])
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        kind = draw(st.sampled_from(["replace", "cut", "insert"]))
        if kind == "replace" and data:
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 20))]
        else:
            data[at:at] = draw(
                st.binary(max_size=8)
                | st.sampled_from(
                    [b"\0", b"[" * 9999, b"9" * 5000, b"1e999", b"\xe2\x80\xa8", b'"']
                )
            )
    return name, bytes(data)


@FUZZ
@given(damaged())
def test_damaged_files_give_rows_or_a_readable_error(damage):
    name, data = damage
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            read(path)
        except InfluenceError as error:
            assert "Remedy" in str(error)
            assert name in str(error)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_the_files_that_are_damaged_above_are_good(name, tmp_path):
    (tmp_path / name).write_bytes(
        GOOD[name].replace(b"0.5,0.1", b"0,-1").replace(b",1,2,3", b",1,1,3")
    )
    read(tmp_path / name)


@pytest.mark.parametrize("name", ["documents.parquet", "items.parquet"])
def test_a_parquet_bomb_is_refused_by_its_footer(name, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "EXPANSION_FLOOR_BYTES", 1 << 20)
    path = tmp_path / name
    row = ROW if name.startswith("documents") else ITEM
    table = pa.Table.from_pylist([row | {"zeros": "0" * (1 << 24)}])
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 1 << 16
    with pytest.raises(InputError, match="over 200 times its size"):
        read(path)


def test_a_long_value_in_many_rows_is_refused_before_they_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "EXPANSION_FLOOR_BYTES", 1 << 20)
    path = tmp_path / "documents.parquet"
    texts = pa.array(["x" * (1 << 16)] * 4000).dictionary_encode()
    others = {name: pa.array([ROW[name]] * 4000) for name in ("doc_id", "topic", "format")}
    pq.write_table(pa.table({"text": texts, **others}), path, compression="zstd")
    assert path.stat().st_size < 1 << 16
    with pytest.raises(InputError, match="over 200 times its size"):
        read(path)


def test_a_line_of_items_may_hold_unicode_line_separators(tmp_path):
    path = tmp_path / "items.jsonl"
    text = json.dumps(ITEM | {"question": "Which\u2028one?"}, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    read(path)


def test_scores_of_bins_are_not_read_from_a_huge_file(tmp_path):
    path = tmp_path / "scores.csv"
    with path.open("wb") as stream:
        stream.truncate(1 << 30)
    with pytest.raises(InputError, match="16,777,216 bytes"):
        read(path)
