"""Files without rows give every fact its columns, and are never taken for a fact."""

import polars as pl
import pytest

from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.empty_facts import empty_file, fact_pattern, write_empty_facts
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import write_records_table


@pytest.fixture
def lake(tmp_path) -> Lake:
    lake = Lake(Home(tmp_path, "study"))
    lake.home.create()
    write_empty_facts(lake)
    return lake


@pytest.mark.parametrize("fact", CONTRACTS)
def test_an_absent_fact_has_its_columns_and_no_rows(lake, fact):
    (file,) = lake.home.lake.glob(fact_pattern(fact))
    assert pl.read_parquet(file).schema == pl.Schema(CONTRACTS[fact].columns)
    assert not pl.read_parquet(file).height


def test_an_absent_fact_stays_absent(lake):
    assert not lake.home.is_imported
    for fact, contract in CONTRACTS.items():
        if contract.in_parts:
            assert lake.parts(fact) == []
        else:
            assert not lake.exists(fact)
        with pytest.raises(FactError, match="missing"):
            lake.digests(fact)
    lake.require_intact()


@pytest.mark.parametrize("fact", CONTRACTS)
def test_an_empty_file_comes_last_because_rows_are_guessed_by_the_first(lake, fact):
    path = lake.path(fact, "zz|zz" if CONTRACTS[fact].in_parts else None)
    assert str(path) < str(empty_file(lake.home, fact))


def test_a_made_fact_is_read_with_its_empty_file(lake):
    rows = pl.DataFrame({"bin_id": [3], "n_documents": [2], "n_words": [9], "n_words_kept": [5]})
    lake.write("bin_words", rows, Fingerprint.of("bin_words"))
    steps = {"run_id": ["m|t|r"], "step": [1]}
    steps |= {name: [0.5] for name in ("forget_loss", "retain_loss", "utility", "learning_rate")}
    lake.write("unlearning_steps", pl.DataFrame(steps), Fingerprint.of("unlearning_steps"), "m|t|r")
    for fact in ("bin_words", "unlearning_steps"):
        assert pl.read_parquet(lake.home.lake / fact_pattern(fact)).height == 1
    assert lake.parts("unlearning_steps") == ["m|t|r"]


def test_no_other_fact_matches_a_pattern(lake):
    for fact in CONTRACTS:
        assert [*lake.home.lake.glob(fact_pattern(fact))] == [empty_file(lake.home, fact)]


def test_one_of_other_columns_or_damaged_is_written_anew_and_a_right_one_left(lake):
    old, damaged, right = (
        empty_file(lake.home, fact) for fact in ("bin_words", "unlearning_runs", "documents")
    )
    pl.DataFrame(schema={"bin_id": pl.Int32}).write_parquet(old)
    damaged.write_bytes(b"no Parquet")
    before = right.stat().st_mtime_ns
    write_empty_facts(lake)
    assert pl.read_parquet(old).columns == list(CONTRACTS["bin_words"].columns)
    assert pl.read_parquet(damaged).columns == list(CONTRACTS["unlearning_runs"].columns)
    assert right.stat().st_mtime_ns == before


def test_records_are_a_table_with_and_without_any(lake):
    write_records_table(lake.home)
    assert pl.read_parquet(lake.home.records_table).is_empty()
    folder = lake.home.runs / "records"
    folder.mkdir()
    (folder / "documents.json").write_text(
        '{"asset": "documents", "part": null, "fact": "documents", "fingerprint": "f", '
        '"rows": 7, "reused": false, "started_at": "2026-01-02T05:04:05+02:00", "seconds": 1.5, '
        '"software": {"b": "2", "a": "1"}}'
    )
    earlier = (
        '{"asset": "query_index", "partition": null, "fact": "query_index", "fingerprint": "f"}'
    )
    (folder / "query_index.json").write_text(earlier)
    write_records_table(lake.home)
    (row,) = pl.read_parquet(lake.home.records_table).rows(named=True)
    assert (row["n_rows"], row["software"]) == (7, '{"a":"1","b":"2"}')
    assert str(row["started_at"]) == "2026-01-02 03:04:05"
    # Told by later records alone.
    assert (row["seconds"], row["core_seconds"], row["n_bytes"]) == (1.5, None, None)
