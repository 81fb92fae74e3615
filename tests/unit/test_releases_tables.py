"""Marts as files and back: every value to the bit, whatever it is and wherever it lies."""

import json
from pathlib import Path

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.exchange.releases.diff import Side, compare
from influence_warehouse.exchange.releases.tables import (
    contract_problems,
    publish_files,
    write_marts,
)

ROWS = st.lists(
    st.tuples(
        st.floats(allow_nan=True) | st.none(),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.none(),
        st.lists(st.text("ab,\"'[]\n", max_size=3), max_size=3) | st.none(),
        st.datetimes() | st.none(),
        st.integers(-(2**63), 2**63 - 1),
    ),
    max_size=5,
)


def write(path: Path, rows) -> None:
    schema = {
        "study": pl.String,
        "number": pl.Int32,
        "real": pl.Float64,
        "words": pl.String,
        "several": pl.List(pl.String),
        "at": pl.Datetime("us"),
        "whole": pl.Int64,
    }
    numbered = [("made", i, *row) for i, row in enumerate(rows)]
    frame = pl.DataFrame(numbered, schema=schema, orient="row")
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.register("frame", frame.to_arrow())
        connection.execute("create table marts.odd as from frame")
        connection.execute("comment on column marts.odd.real is 'It''s a number.'")


@settings(max_examples=8, deadline=None)
@given(ROWS)
def test_what_is_written_is_what_is_published_again(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("it's [odd]*")
    write(folder / "a.duckdb", rows)
    tables = write_marts(folder / "a.duckdb", folder, "excerpts")
    # DuckDB takes such a path for a pattern when it reads; `open_release` refuses it.
    plain = tmp_path_factory.mktemp("plain")
    (plain / "marts").mkdir()
    for file in (folder / "marts").iterdir():
        (plain / "marts" / file.name).write_bytes(file.read_bytes())
    assert contract_problems(plain, tables) == []
    publish_files(plain, tables, plain / "b.duckdb", "other")
    sides = [
        Side(name, place) for name, place in [("a", folder / "a.duckdb"), ("b", plain / "b.duckdb")]
    ]
    difference = compare(*sides)
    assert difference.is_equal
    assert difference.tables[0].rows == (len(rows), len(rows))
    cells = pl.read_csv(plain / "marts" / "odd.csv", infer_schema=False)["several"]
    assert [None if c is None else json.loads(c) for c in cells] == [row[2] for row in rows]


def test_no_cell_of_a_csv_begins_a_formula(tmp_path):
    texts = ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\r=1", "a=1", "", "1"]
    write(tmp_path / "a.duckdb", [(-1.5, text, None, None, -7) for text in texts])
    write_marts(tmp_path / "a.duckdb", tmp_path, "excerpts")
    csv = pl.read_csv(tmp_path / "marts" / "odd.csv", schema_overrides={"words": pl.String})
    assert [word or "" for word in csv["words"]] == [
        f"'{text}" if text and text[0] in "=+-@\t\r" else text for text in texts
    ]
    assert csv["real"].to_list() == [-1.5] * len(texts), "numbers stay numbers"
    assert pl.read_parquet(tmp_path / "marts" / "odd.parquet")["words"].to_list() == texts
