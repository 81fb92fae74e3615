"""Copies found out of core are those that a plain sort finds."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.corpus.duplicates import ORDER, find_duplicates
from influence_warehouse.lake import out_of_core
from influence_warehouse.lake.out_of_core import spilling

LABELS = st.sampled_from([None, "", "a", "é", "😀", "Z"])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "B", "é", "😀", "c d"]),
        st.sampled_from("123"),
        *[LABELS] * 4,
        st.sampled_from([None, 0.5, float("nan")]),
    ),
    max_size=25,
)


def frame_of(rows: list[tuple]) -> pl.DataFrame:
    frame = pl.DataFrame(
        rows,
        schema=dict.fromkeys(ORDER[:6], pl.String) | {ORDER[6]: pl.Float64},
        orient="row",
    )
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return frame.with_columns(file=pl.format("f{}", row % 3), row=row)


def plainly_found(candidates: pl.DataFrame) -> set[tuple]:
    """By one sort over all rows, in memory."""
    ordered = candidates.sort(ORDER, nulls_last=True)
    found, ids, texts = set(), set(), {}
    for row in ordered.iter_rows(named=True):
        place = (row["file"], row["row"], row["doc_id"])
        if row["doc_id"] in ids:
            found.add((*place, "duplicate_id", row["doc_id"]))
            continue
        ids.add(row["doc_id"])
        kept = texts.setdefault(row["content_sha256"], row["doc_id"])
        if kept != row["doc_id"]:
            found.add((*place, "duplicate_text", kept))
    return found


def found_in(candidates: pl.DataFrame, folder: Path) -> pl.DataFrame:
    file = folder / "candidates.parquet"
    candidates.write_parquet(file, row_group_size=50_000)
    with spilling(folder) as connection:
        connection.read_parquet(str(file)).create_view("candidates")
        find_duplicates(connection)
        return connection.table("copies").pl()


@settings(max_examples=40, deadline=None)
@given(rows=ROWS)
def test_copies_are_those_that_a_plain_sort_finds(rows, tmp_path_factory):
    candidates, folder = frame_of(rows), tmp_path_factory.mktemp("spill")
    assert set(found_in(candidates, folder).rows()) == plainly_found(candidates)


@pytest.mark.slow
def test_what_exceeds_the_memory_limit_spills_and_is_right(tmp_path, monkeypatch):
    monkeypatch.setattr(out_of_core, "MEMORY_LIMIT", "64MB")
    number, empty = pl.int_range(1_500_000, eager=True), pl.lit(None, pl.String)
    candidates = pl.select(
        doc_id=pl.format("document-{}", number),
        content_sha256=pl.format("{}", number % 1_000_000).str.zfill(64),
        **dict.fromkeys(ORDER[2:6], empty),
        label_confidence=pl.lit(None, pl.Float64),
        file=pl.lit("f"),
        row=number,
    )
    found = found_in(candidates, tmp_path)
    assert found.height == 500_000
    assert found.select((pl.col("doc_id") > pl.col("kept")).all()).item()
    assert found["row"].n_unique() == 500_000
