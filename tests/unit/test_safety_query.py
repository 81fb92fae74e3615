"""An analyst's SQL reads the published file and does nothing else, on disk or off."""

import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import InfluenceError, WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.query import run_query

CANARY = "canary-of-the-environment"


@pytest.fixture(scope="module")
def home() -> Home:
    home = Home(Path(tempfile.mkdtemp()), "tiny")
    home.create()
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.bins as select 7 as bin_id, 'games' as topic")
    return home


def files(home: Home) -> dict[str, bytes]:
    found = sorted(p for p in home.path.rglob("*") if p.is_file())
    return {p.relative_to(home.path).as_posix(): p.read_bytes() for p in found}


ATTACKS = [
    "copy (select 1) to '{home}/influence.duckdb.wal'",
    "copy (select 1) to '{home}/influence.duckdb.wal' (use_tmp_file false)",
    "explain analyze copy (select 1) to '{home}/influence.duckdb.wal' (use_tmp_file false)",
    "/* a */ explain analyze copy (select 1) to '{home}/influence.duckdb.wal'",
    "select 1; copy (select 1) to '{home}/influence.duckdb.wal'",
    "prepare p as copy (select 1) to '{home}/influence.duckdb.wal'; execute p",
    "copy (select 1) to '{home}/influence.duckdb.tmp/x.csv'",
    "from query('copy (select 1) to ''{home}/influence.duckdb.wal''')",
    "export database '{home}/charts'",
    "import database '{home}/charts'",
    "attach '{home}/other.duckdb' as other",
    "create temp table t as select 1",
    "from read_csv('{home}/runs/secret.csv')",
    "from read_blob('{home}/runs/secret.csv')",
    "from read_text('{home}/runs/*')",
    "from read_duckdb('{home}/runs/secret.csv')",
    "from '{home}/runs/secret.csv'",
    "from glob('{home}/runs/*')",
    "from sniff_csv('{home}/runs/secret.csv')",
    "from parquet_metadata('{home}/runs/secret.csv')",
    "from read_csv('https://example.com/a.csv')",
    "from read_parquet('s3://bucket/a.parquet')",
    "install httpfs",
    "load httpfs",
    "load '{home}/runs/secret.csv'",
    "select getenv('SOME_TOKEN')",
    "from duckdb_secrets()",
    "create secret s (type s3)",
    "set temp_directory = '{home}/charts'",
    "pragma enable_profiling = 'json'",
    "pragma profiling_output = '{home}/charts/x.json'",
    "call enable_logging(storage = 'file', storage_config = {{'path': '{home}/charts'}})",
    "force checkpoint",
    "from frame",
    *(
        frame.format(write)
        for frame in (
            "with x as ({}) from x",
            "with x as materialized ({}) from x",
            "select * from (with x as ({}) from x) as y",
            "select (with x as ({}) select 1 from x)",
            "with recursive x as (with y as ({}) select 1 from y union all select 1) from x",
            "select 1 union all (with x as ({}) select 1 from x)",
            "from bins where exists (with x as ({}) from x)",
            "explain analyze with x as ({}) from x",
            "explain with x as ({}) from x",
            "with x as ({}) pivot x on a using sum(a)",
            "pivot (with x as ({}) from x) on a using sum(a)",
            "summarize (with x as ({}) from x)",
        )
        for write in (
            "copy (select 1) to '{{home}}/influence.duckdb.wal' (format blob)",
            "copy (select 'a'::blob) to '{{home}}/influence.duckdb' (use_tmp_file false)",
            "copy (select 1) to '{{home}}/charts/x.csv'",
            "insert into bins values (8, 'x') returning *",
            "delete from bins returning *",
        )
    ),
    "copy bins from '{home}/runs/secret.csv'",
    "update bins set topic = 'x'",
    "drop table bins",
    "alter table bins add column x int",
    "create macro m() as 1",
    "create view v as select 1",
    "comment on table bins is 'x'",
    "use main",
    "begin; delete from bins; commit",
    "vacuum",
    "analyze",
    "checkpoint",
    "detach influence",
    "reset lock_configuration",
    "set disabled_filesystems = ''",
    "set enable_external_access = true",
    "set variable x = 1",
    "execute p",
    "deallocate p",
    "from duckdb_settings()",
    "from duckdb_logs()",
    "from query_table('bins')",
    "from pragma_storage_info('bins')",
    "from read_json('{home}/runs/secret.csv')",
    "from '{home}/influence.duckdb'",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_query_reads_the_marts_and_nothing_else(home, attack, monkeypatch):
    import polars as pl

    frame = pl.DataFrame({"a": [CANARY]})  # noqa: F841 (DuckDB would find it by its name)
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    (home.runs / "secret.csv").write_text(f"a\n{CANARY}\n")
    before = files(home)
    with pytest.raises(WarehouseError, match="Remedy") as caught:
        run_query(home, attack.format(home=home.path))
    assert CANARY not in str(caught.value)
    assert files(home) == before
    assert run_query(home, "select topic from bins").item() == "games"


@pytest.mark.parametrize(
    "sql",
    [
        "explain analyze select 1",
        "EXPLAIN from bins",
        "pivot bins on topic using sum(bin_id)",
        "summarize bins",
        "describe bins",
        "select 1; select 2",
        "with a as (from bins) table a",
        "pivot bins on topic in ('games') using sum(bin_id)",
        "with a as (from bins) pivot a on topic in ('games') using sum(bin_id)",
        "unpivot bins on bin_id",
        "with recursive a as (select 1 as n union all select n + 1 from a where n < 3) from a",
        "from duckdb_tables()",
        "show tables",
        "values (1)",
        "-- a comment\nselect topic from bins",
        "/* a */ select topic from bins /* b */",
    ],
)
def test_what_only_reads_is_allowed(home, sql):
    assert run_query(home, sql).height


WORDS = ["select", "copy", "(from bins)", "to", "'x.csv'", "explain", "analyze", "attach", "bins"]
WORDS += ["from", "pragma", "call", ";", "query(", ")", "''", "--", "*", "1", "prepare p as"]


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join))
def test_no_mixture_of_words_changes_a_file(home, sql):
    before = files(home)
    try:
        run_query(home, sql)
    except InfluenceError as error:
        assert "Remedy" in str(error)
    assert files(home) == before


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.text(st.sampled_from("../~\\\0a-_%'\"\n "), max_size=12))
def test_a_query_s_name_is_never_a_path(home, name):
    try:
        run_query(home, name)
    except InfluenceError as error:
        assert "Remedy" in str(error)
