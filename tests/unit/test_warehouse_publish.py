"""Publishing: whole or not at all, under readers, with descriptions, without the rest."""

import multiprocessing
from pathlib import Path

import duckdb
import pytest

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from tests.synthetic import synthetic_study

STUDY = synthetic_study()


def _build(home: Home, version: int) -> None:
    with duckdb.connect(str(home.build_database)) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute("create schema if not exists staging")
        connection.execute("create or replace table staging.hidden as select 1 as x")
        for table in ("bins", "runs"):
            connection.execute(
                f"create or replace table marts.{table} as "
                f"select {version} as version, i from range(2000) as r(i)"
            )
        connection.execute("comment on table marts.bins is 'It''s the bins. One row per bin.'")
        connection.execute("comment on column marts.bins.version is 'Which build.'")


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path, "study")
    home.create()
    return home


def test_marts_and_their_comments_arrive_and_nothing_else(home):
    _build(home, 1)
    assert publish(home, STUDY) == home.database
    with duckdb.connect(str(home.database), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name, comment from duckdb_tables() order by 2"
        ).fetchall()
        columns = connection.execute(
            "select comment from duckdb_columns() where table_name = 'bins' order by column_index"
        ).fetchall()
        rows = connection.execute("select count(*), max(version) from marts.bins").fetchone()
    assert tables == [("marts", "bins", "It's the bins. One row per bin."), ("marts", "runs", "")]
    assert columns == [("Which build.",), ("",)]
    assert rows == (2000, 1)


@pytest.mark.slow
def test_analysts_never_fail_while_marts_are_rebuilt_and_published(home):
    """Four readers in processes of their own see whole generations, none torn, none failed."""
    _build(home, 1)
    publish(home, STUDY)
    context = multiprocessing.get_context("spawn")
    stop, ready, results = context.Event(), context.Semaphore(0), context.Queue()
    readers = [
        context.Process(target=_read_until, args=(home, read, stop, ready, results))
        for read in (_by_duckdb, _by_duckdb, _by_run_query, _by_run_query)
    ]
    for reader in readers:
        reader.start()
    for _ in readers:
        assert ready.acquire(timeout=100)
    for generation in range(2, 22):
        _build(home, generation)
        publish(home, STUDY)
    stop.set()
    for _ in readers:
        reads, seen, problems = results.get(timeout=60)
        assert problems == []
        assert reads > 20 and len(seen) > 5 and seen == sorted(seen)
    for reader in readers:
        reader.join(timeout=60)


_SQL = (
    "select a.version, b.version, a.n, b.n from "
    "(select max(version) as version, count(*) as n from marts.bins) as a, "
    "(select min(version) as version, count(*) as n from marts.runs) as b"
)


def _by_duckdb(home: Home) -> tuple:
    # Two queries: a connection sees one generation for as long as it is open.
    with duckdb.connect(str(home.database), read_only=True) as connection:
        rows = connection.execute(_SQL).fetchone()
        assert connection.execute(_SQL).fetchone() == rows
        return rows or ()


def _by_run_query(home: Home) -> tuple:
    return run_query(home, _SQL).row(0)


def _read_until(home: Home, read, stop, ready, results) -> None:
    reads, seen, problems = 0, [], []
    while not stop.is_set():
        try:
            one, other, *counts = read(home)
        except (duckdb.Error, WarehouseError, AssertionError) as error:
            problems.append(repr(error))
            continue
        if one != other or counts != [2000, 2000]:
            problems.append(f"torn: {one}, {other}, {counts}")
        if not seen or seen[-1] != one:
            seen.append(one)
        reads += 1
        if reads == 1:
            ready.release()
    results.put((reads, seen, problems))


def test_nothing_to_publish_names_the_remedy(home):
    with pytest.raises(WarehouseError, match=r"build\.duckdb: missing.*influence run synthetic"):
        publish(home, STUDY)
    duckdb.connect(str(home.build_database)).close()
    with pytest.raises(WarehouseError, match="holds no marts"):
        publish(home, STUDY)
    assert not home.database.exists()


def test_another_writer_is_named_and_the_old_copy_stays(home):
    _build(home, 1)
    publish(home, STUDY)
    before = home.database.read_bytes()
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    writer = context.Process(target=_hold, args=(home.build_database, held, release))
    writer.start()
    try:
        assert held.wait(timeout=60)
        with pytest.raises(WarehouseError, match=r"lock.*Remedy"):
            publish(home, STUDY)
    finally:
        release.set()
        writer.join(timeout=60)
    assert home.database.read_bytes() == before
    assert [path.name for path in home.path.iterdir() if path.name.endswith(".part")] == []


def _hold(database: Path, held, release) -> None:
    with duckdb.connect(str(database)):
        held.set()
        release.wait(timeout=60)


def test_a_damaged_build_database_leaves_the_old_copy(home):
    _build(home, 1)
    publish(home, STUDY)
    before = home.database.read_bytes()
    home.build_database.write_bytes(home.build_database.read_bytes()[:20000])
    with pytest.raises(WarehouseError, match="Remedy"):
        publish(home, STUDY)
    assert home.database.read_bytes() == before


def test_a_flipped_bit_in_a_database_is_refused_by_name(home):
    _build(home, 1)
    publish(home, STUDY)
    for file, use, remedy in (
        (home.database, lambda: run_query(home, "select sum(i) from bins"), "publishes it again"),
        (home.build_database, lambda: publish(home, STUDY), "delete the file"),
    ):
        content = bytearray(file.read_bytes())
        # Behind the three headers: the first block.
        content[3 * 4096 + 5000] ^= 4
        file.write_bytes(content)
        with pytest.raises(WarehouseError, match=rf"(?s){file.name}.*Corrupt.*Remedy.*{remedy}"):
            use()


def test_the_published_file_has_the_storage_version_that_older_tools_open(home):
    _build(home, 1)
    publish(home, STUDY)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home.database}' as published (read_only)")
        tags = connection.execute(
            "select tags from duckdb_databases() where database_name = 'published'"
        ).fetchone()
    assert "v1.5.0" in str(tags)
