"""Publishing: whole or not at all, under readers, with descriptions, without the rest."""

import multiprocessing
import time
from pathlib import Path

import duckdb
import pytest

from influence_warehouse.errors import WarehouseError
from influence_warehouse.layout import Home
from influence_warehouse.warehouse.publish import publish
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


def test_readers_never_fail_while_it_is_replaced(home):
    """A reader in its own process sees whole tables of one version, all the time."""
    _build(home, 1)
    publish(home, STUDY)
    context = multiprocessing.get_context("spawn")
    stop, results = context.Event(), context.Queue()
    reader = context.Process(target=_read_until, args=(home.database, stop, results))
    reader.start()
    assert results.get(timeout=60) == "ready"
    for version in range(2, 8):
        _build(home, version)
        publish(home, STUDY)
        time.sleep(0.05)
    stop.set()
    reads, versions, problems = results.get(timeout=60)
    reader.join(timeout=60)
    assert problems == []
    assert reads > 5 and len(versions) > 1 and versions == sorted(versions)


def _read_until(database: Path, stop, results) -> None:
    reads, versions, problems = 0, [], []
    while not stop.is_set():
        try:
            with duckdb.connect(str(database), read_only=True) as connection:
                rows = connection.execute(
                    "select a.version, b.version, a.n, b.n from "
                    "(select max(version) as version, count(*) as n from marts.bins) as a, "
                    "(select max(version) as version, count(*) as n from marts.runs) as b"
                ).fetchone()
        except duckdb.Error as error:
            problems.append(str(error))
            continue
        if rows[0] != rows[1] or rows[2:] != (2000, 2000):
            problems.append(f"mixed: {rows}")
        if not versions or versions[-1] != rows[0]:
            versions.append(rows[0])
        reads += 1
        if reads == 1:
            results.put("ready")
    results.put((reads, versions, problems))


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


def test_the_published_file_has_the_storage_version_that_older_tools_open(home):
    _build(home, 1)
    publish(home, STUDY)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{home.database}' as published (read_only)")
        tags = connection.execute(
            "select tags from duckdb_databases() where database_name = 'published'"
        ).fetchone()
    assert "v1.5.0" in str(tags)
