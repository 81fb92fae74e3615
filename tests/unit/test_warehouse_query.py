"""Queries on a published file: what works, and that nothing else does."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import InfluenceError, WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.query import named_queries, run_query


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    home = Home(tmp_path_factory.mktemp("published"), "tiny")
    home.create()
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.bins as select 7 as bin_id, 'games' as topic")
    return home


def test_marts_need_no_schema_prefix(home):
    assert run_query(home, "select topic from bins").rows() == [("games",)]
    assert run_query(home, "from marts.bins").columns == ["bin_id", "topic"]
    assert run_query(home, "show tables").rows() == [("bins",)]


@pytest.mark.parametrize(
    "sql",
    [
        "drop table bins",
        "create table marts.mine as select 1 as x",
        "update bins set topic = 'x'",
        "select 1; drop table bins",
        "copy bins to 'out.csv'",
        "select * from read_csv('/etc/hostname')",
        "select * from '/etc/hostname'",
        "attach 'other.db' as other",
        "install httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "pragma threads = 1",
    ],
)
def test_writing_reading_files_and_settings_are_refused(home, sql):
    before = home.database.read_bytes()
    with pytest.raises(WarehouseError, match="Remedy"):
        run_query(home, sql)
    assert home.database.read_bytes() == before
    assert run_query(home, "select count(*) from bins").item() == 1


def test_sql_error_shows_what_duckdb_says(home):
    with pytest.raises(WarehouseError, match=r"(?s)topik.*topic"):
        run_query(home, "select topik from bins")
    with pytest.raises(WarehouseError, match="syntax error"):
        run_query(home, "selec 1")


def test_unknown_name_lists_close_ones(home):
    with pytest.raises(WarehouseError, match="top_topics"):
        run_query(home, "top_topic")
    with pytest.raises(WarehouseError, match=r"known: .*top_bins"):
        run_query(home, "zzzzzzzzzzzz")


def test_missing_database_names_the_remedy(tmp_path):
    with pytest.raises(WarehouseError, match="influence run absent"):
        run_query(Home(tmp_path, "absent"), "select 1")


def test_file_that_is_no_database_is_an_error(tmp_path):
    home = Home(tmp_path, "broken")
    home.create()
    home.database.write_text("not a database")
    with pytest.raises(WarehouseError, match="broken"):
        run_query(home, "select 1")


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_empty_query_is_an_error(home, text):
    with pytest.raises(WarehouseError, match="empty"):
        run_query(home, text)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_rows_or_a_readable_error(home, text):
    try:
        run_query(home, text)
    except InfluenceError as error:
        assert "Remedy" in str(error)


def test_named_queries_say_what_they_answer():
    queries = named_queries()
    assert len(queries) >= 10
    for query in queries.values():
        assert query.question.endswith("?"), query.name
        assert query.grain.startswith("one row per"), query.name
        assert query.reads, query.name
