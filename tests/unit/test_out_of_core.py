"""Facts larger than memory: the bytes of any cut into frames, the contract kept, memory bounded."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.corpus import readers
from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.errors import FactError, InputError, WarehouseError
from influence_warehouse.lake import out_of_core
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.making import make_fact
from tests.bench.side_by_side import ROOT
from tests.corpus_world import lake_at, rows_of, study_of, write_lines
from tests.killing import Work, run

MADE = Fingerprint.of("documents_set_aside", test=1)
SCHEMA = CONTRACTS["documents_set_aside"].columns


def aside(count: int) -> pl.DataFrame:
    rows = [(i, "f", f"d{i}" if i % 3 else None, "r", "é" * (i % 5)) for i in range(count)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 40), max_size=6))
def test_bytes_do_not_depend_on_the_cut(cuts, tmp_path_factory):
    lake, rows = lake_at(tmp_path_factory.mktemp("lake")), aside(40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(out_of_core, "GROUP_ROWS", 7)
        contents = []
        for borders in ([], sorted(cuts)):
            parts = zip([0, *borders], [*borders, 40], strict=True)
            frames = (rows.slice(start, end - start) for start, end in parts)
            assert lake.write_in_order("documents_set_aside", frames, MADE) == 40
            contents.append(lake.path("documents_set_aside").read_bytes())
    assert contents[0] == contents[1]
    assert lake.is_current(MADE)
    assert lake.read("documents_set_aside").equals(rows)


def test_rows_in_order_are_those_of_a_whole_write_and_there_may_be_none(tmp_path):
    lake, rows = lake_at(tmp_path), aside(9)
    lake.write("documents_set_aside", rows, MADE)
    whole = lake.read("documents_set_aside")
    assert lake.write_in_order("documents_set_aside", [rows], MADE) == 9
    assert lake.read("documents_set_aside").equals(whole)
    assert lake.write_in_order("documents_set_aside", [], MADE) == 0
    assert lake.read("documents_set_aside").schema == whole.schema


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (lambda rows: [rows.tail(3), rows.head(3)], "not in the order"),
        (lambda rows: [rows.head(3).reverse()], "not in the order"),
        (lambda rows: [rows.head(3), rows.slice(2)], "not unique"),
        (lambda rows: [rows.head(3), rows.tail(1).with_columns(file=None)], "never null"),
        (lambda rows: [rows, rows.drop("reason")], "columns missing"),
        (lambda rows: [rows.head(1), rows.with_columns(row=pl.lit("x"))], "contract's dtype"),
    ],
)
def test_what_breaks_the_contract_in_any_frame_is_refused_and_leaves_what_was(
    tmp_path, frames, words
):
    lake, rows = lake_at(tmp_path), aside(6)
    lake.write("documents_set_aside", rows, MADE)
    before = lake.path("documents_set_aside").read_bytes()
    with pytest.raises(FactError, match=words):
        lake.write_in_order("documents_set_aside", frames(rows), MADE)
    assert lake.path("documents_set_aside").read_bytes() == before
    assert len(list(lake.home.lake.iterdir())) == 1


def _mixed_rows() -> list[dict]:
    """Good rows, copies of ids and texts, and rows that are broken by themselves."""
    rows = rows_of(60)
    for i in range(0, 60, 7):
        rows.append({**rows[i], "doc_id": f"copy{i}"})
        rows.append({**rows[i], "text": f"other text {i}"})
        rows.append({**rows[i], "doc_id": f"blank{i}", "text": " "})
    return rows


RULES = {"duplicate_id": "set_aside"}


def test_documents_have_equal_bytes_in_any_order_of_files_and_batches(
    tmp_path, tiny_model, monkeypatch
):
    rows, facts = _mixed_rows(), []
    monkeypatch.setattr(out_of_core, "GROUP_ROWS", 16)
    for name, batch, ordered, parts in (
        ("a", 2048, rows, 1 << 20),
        ("b", 3, rows, 1000),
        ("c", 5, rows[::-1], 1),
    ):
        monkeypatch.setattr(readers, "BATCH_ROWS", batch)
        write_lines(tmp_path / name / "in" / "1.jsonl", ordered[:31])
        write_lines(tmp_path / name / "in" / "2.jsonl", ordered[31:])
        # One part, some, and parts of parts down to single documents.
        monkeypatch.setattr(out_of_core, "PART_BYTES", parts)
        monkeypatch.setattr(out_of_core, "MAX_PARTS", 4)
        lake = lake_at(tmp_path / name)
        corpus = {"path": tmp_path / name / "in", "rules": RULES}
        outcomes = make_fact(study_of(tiny_model, corpus), lake, "documents")
        assert outcomes[1].details == {"duplicate_id": 9, "duplicate_text": 3, "empty_text": 9}
        assert list(lake.home.work.iterdir()) == []
        facts.append([lake.path(fact) for fact in ("documents", "documents_set_aside")])
    contents = [[path.read_bytes() for path in paths] for paths in facts]
    assert contents[0] == contents[1]
    # Of other files the fingerprint is another, and so is where a row was set aside.
    assert pl.read_parquet(facts[0][0]).equals(pl.read_parquet(facts[2][0]))


def test_examples_of_refused_rows_are_the_first_by_place(tmp_path, tiny_model):
    rows = [{**rows_of(1)[0], "doc_id": f"c{i}"} for i in range(9)]
    for name in ("b.jsonl", "a.jsonl"):
        write_lines(tmp_path / "in" / name, rows)
    corpus = {"path": tmp_path / "in", "rules": {"duplicate_text": "refuse"}}
    with pytest.raises(InputError) as caught:
        make_fact(study_of(tiny_model, corpus), lake_at(tmp_path), "documents")
    lines = str(caught.value).splitlines()
    assert lines[0] == "corpus: 18 rows read, some cannot be used:"
    assert lines[1] == "  duplicate_id: 9 rows, refused by corpus.rules.duplicate_id"
    assert lines[2].startswith("    b.jsonl, row 1, doc_id c0: another document has this id")
    texts = lines[lines.index(next(line for line in lines if "duplicate_text:" in line)) :]
    assert [line.split(":")[0].strip() for line in texts[1:6]] == [
        f"a.jsonl, row {row}, doc_id c{row - 1}" for row in range(2, 7)
    ]


def test_no_room_for_the_scratch_file_is_said_with_the_remedy(tmp_path, tiny_model):
    lake = lake_at(tmp_path)
    study = study_of(tiny_model, {"path": write_lines(tmp_path / "c.jsonl", rows_of(3))})
    lake.home.work.rmdir()
    lake.home.work.touch()
    with pytest.raises(WarehouseError, match=r"work: .*Remedy: free disk space"):
        make_fact(study, lake, "documents")


def test_chosen_documents_are_read_by_id(tmp_path, tiny_model):
    lake = lake_at(tmp_path)
    path = write_lines(tmp_path / "c.jsonl", rows_of(40))
    make_fact(study_of(tiny_model, {"path": path}), lake, "documents")
    ids = pl.Series(["d0031", "d0002", "d0031", "missing"])
    assert read_documents(lake, ids, "doc_id").rows() == [("d0002",), ("d0031",)]
    assert read_documents(lake, ids).columns == list(CONTRACTS["documents"].columns)
    assert read_documents(lake, ids.head(0)).is_empty()


def make(root: Path, model: Path, corpus: dict) -> None:
    make_fact(study_of(model, corpus), lake_at(root), "documents")


@pytest.mark.slow
def test_a_kill_leaves_nothing_that_the_next_run_does_not_remove(tmp_path, tiny_model):
    from influence_warehouse.lake.leftovers import remove_leftovers

    root = tmp_path / "warehouse"
    path = write_lines(tmp_path / "c.jsonl", _mixed_rows())
    work = Work(make, (root, tiny_model, {"path": path, "rules": RULES}), root)
    lake = lake_at(root)
    unbroken = run(work)
    files = {file: file.read_bytes() for file in lake.home.path.rglob("*") if file.is_file()}
    assert unbroken.changes > 5
    for change in range(1, unbroken.changes + 1):
        for fact in ("documents", "documents_set_aside"):
            lake.path(fact).unlink(missing_ok=True)
        assert run(work, at_change=change).killed
        remove_leftovers(lake.home.path)
        left = {file: file.read_bytes() for file in lake.home.path.rglob("*") if file.is_file()}
        assert left.items() <= files.items(), change
        assert list(lake.home.work.iterdir()) == []
    run(work)
    assert {f: f.read_bytes() for f in lake.home.path.rglob("*") if f.is_file()} == files


# Run in a process of its own: makes the documents and prints its peak memory.
_PEAK = """
import json, sys
from pathlib import Path
from influence_warehouse.lake import out_of_core
from influence_warehouse.pipeline.making import make_fact
from tests.bench.tasks import _peak_mb
from tests.corpus_world import lake_at, study_of

root, model = Path(sys.argv[1]), sys.argv[2]
out_of_core.MEMORY_LIMIT = "100MB"
out_of_core.PART_BYTES = 16 << 20
outcomes = make_fact(study_of(model, {"path": root / "in"}), lake_at(root), "documents")
print(json.dumps([outcomes[0].rows, outcomes[1].rows, _peak_mb()]))
"""


def peak_mb(root: Path, model: Path, count: int) -> int:
    """Of documents of 300 characters, far from sorted, one in ten a copy, in eight files."""
    (root / "in").mkdir(parents=True)
    row = pl.int_range(count, eager=True)
    rows = pl.select(
        doc_id=pl.format("d{}", row * 7919 % 1_000_003),
        text=pl.format("{} the king of the river", row - (row % 10 == 9)).str.pad_end(300, "x"),
        topic=pl.lit("games"),
        format=pl.lit("faq"),
    )
    for part in range(8):
        file = root / "in" / f"{part}.parquet"
        # Not so well compressed that a reader would take it for a bomb.
        rows.gather_every(8, part).write_parquet(
            file, row_group_size=5000, compression="uncompressed"
        )
    command = [sys.executable, "-c", _PEAK, str(root), str(model)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-3000:]
    good, copies, peak = json.loads(found.stdout.splitlines()[-1])
    assert good + copies == count
    assert copies == count // 10
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_corpus(tmp_path, tiny_model):
    peaks = [peak_mb(tmp_path / str(n), tiny_model, n) for n in (100_000, 400_000)]
    assert peaks[1] - peaks[0] < 100, peaks
