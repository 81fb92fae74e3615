"""Run the dbt project over a study's facts: staging, intermediate tables, marts, tests.

Belongs here: where the project is, the environment that it runs in, and its errors. Does not
belong here: statistics (SQL in dbt/) and what analysts open (publish.py).
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from influence_warehouse.children import child_environment, python
from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.built_from import note_built_from
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import Home
from influence_warehouse.progress import working
from influence_warehouse.quoting import sql_text
from influence_warehouse.study.plain_select import plain_select
from influence_warehouse.warehouse.dbt_cache import parsed_before

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from influence_warehouse.lake.facts import Lake
    from influence_warehouse.study.study import Study

# The module that runs dbt on an engine.
_DBT = {
    "duckdb": "influence_warehouse.warehouse.dbt_duckdb",
    "spark": "influence_warehouse.warehouse.spark",
}

# What reads facts in object storage, for dbt's profile.
_FILESYSTEMS = "[{'fs': 's3', 'use_listings_cache': False}]"

# Without these there is nothing to build from; an import may know nothing of items.
_STARTS = ("study_benchmarks", "bin_item_scores", "region_inference")

# DuckDB reads these as a pattern or a quote, dbt as a template.
_RESERVED = "'\"*?[]{}%"


def project_folder(name: str) -> Path:
    """Folder `dbt`, `sql` or `docs` of the checkout, or the copy in an installed package."""
    package = Path(str(files("influence_warehouse")))
    installed = package / "project" / name
    return installed if installed.is_dir() else package.parent.parent / name


def dbt_project_folder() -> Path:
    """The dbt project's folder."""
    return project_folder("dbt")


def dbt_folder(home: Home, target: str = "duckdb") -> Path:
    """Where dbt's manifest, results and log of an engine are: they name its own tables."""
    return home.runs / ("dbt" if target == "duckdb" else f"dbt-{target}")


def dbt_environment(home: Home, study: "Study | None", target: str = "duckdb") -> dict[str, str]:
    """Variables that a dbt command needs beside the process's own: where to read and write,
    and the study's SQL that chooses regions, if it has any. An imported study is None.

    Raises WarehouseError when the home's path holds a character that DuckDB reads as a pattern.
    """
    reserved = sorted({c for c in str(home.path) if c in _RESERVED})
    if reserved:
        raise WarehouseError(
            f"{home.path}: the warehouse's path holds {' '.join(reserved)}, which SQL reads as a "
            "pattern. Remedy: choose another folder with --warehouse DIR or INFLUENCE_WAREHOUSE."
        )
    project = str(dbt_project_folder())
    regions_sql = study.unlearning.regions.sql if study and study.unlearning else None
    return {
        "INFLUENCE_REGIONS_SQL": plain_select(regions_sql) if regions_sql else "",
        "INFLUENCE_REGIONS_CELLS": _regions_cells(study),
        "INFLUENCE_LAKE": str(home.lake),
        "INFLUENCE_FILESYSTEMS": "[]" if home.facts_url is None else _FILESYSTEMS,
        "INFLUENCE_RECORDS": str(home.runs),
        "INFLUENCE_BUILD_DATABASE": str(home.build_database),
        "INFLUENCE_SPARK_WAREHOUSE": str(home.spark),
        "DBT_PROJECT_DIR": project,
        "DBT_PROFILES_DIR": project,
        "DBT_TARGET": target,
        "DBT_TARGET_PATH": str(dbt_folder(home, target)),
        "DBT_LOG_PATH": str(dbt_folder(home, target)),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_USE_COLORS": "false",
        # Every statement's start and end in the log would cost a tenth of a build.
        "DBT_LOG_LEVEL_FILE": "warn",
        # Unit tests prove the SQL, not the data: the test suite runs them, a build does not.
        "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
    }


def _regions_cells(study: "Study | None") -> str:
    """The models and methods that regions are chosen for."""
    if study is None:
        return ""
    from influence_warehouse.pipeline.parts import unlearned_cells

    return " ".join(unlearned_cells(study))


def read_built(home: Home, mart: str) -> "pl.DataFrame":
    """Rows of a mart in the build database, for assets between two parts of the build.

    Raises WarehouseError when the mart is not built.
    """
    with _built(home, f"marts.{mart}") as connection:
        return connection.table(mart).pl()


def query_built(home: Home, sql: str, field: str) -> "pl.DataFrame":
    """Rows of a study's own select on marts in the build database; `field` is where it stands.

    Raises WarehouseError when a mart is not built, or the SQL cannot be run.
    """
    with _built(home, field) as connection:
        return connection.sql(plain_select(sql)).pl()


@contextmanager
def _built(home: Home, what: str) -> "Iterator[duckdb.DuckDBPyConnection]":
    import duckdb

    try:
        # Attached, not opened: dbt may hold the file in this process, with settings of its own.
        with duckdb.connect() as connection:
            file = sql_text(str(home.build_database))
            connection.execute(f"attach {file} as build (read_only)")
            connection.execute("use build.marts")
            yield connection
    except duckdb.Error as error:
        raise WarehouseError(
            f"{home.build_database}: {what} cannot be read ({error}). "
            f"Remedy: {home.maker} builds it."
        ) from error


@dataclass(frozen=True)
class TableState:
    """Rows of a table, and a digest of them whatever their order."""

    rows: int
    digest: str


def table_states(home: Home) -> dict[str, TableState]:
    """What each table of the build database holds, by its name; views are left out."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute(f"attach {sql_text(str(home.build_database))} as build (read_only)")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'build'"
        ).fetchall()
        return {table: _state(connection, f"build.{schema}.{table}") for schema, table in tables}


def _state(connection: "duckdb.DuckDBPyConnection", table: str) -> TableState:
    held = connection.execute(
        f"select count(*), bit_xor(hash(t)), sum(hash(t) % 4294967296) from {table} as t"
    ).fetchall()[0]
    return TableState(held[0], digest_of(held))


def build_warehouse(study: "Study | None", lake: "Lake", target: str = "duckdb") -> dict[str, Any]:
    """Run `dbt build` and return `{"nodes": {status: count}, "seconds": float}`.

    `study` is None for an imported one, whose facts say all there is. `target` is the engine.

    Raises WarehouseError naming each model or test that failed and where the log is, and
    FactError when the facts that the marts start from are missing.
    """
    if target == "spark" and lake.home.facts_url:
        raise WarehouseError(
            f"{lake.home.facts_url}: a Spark session here reads files alone, not object storage. "
            "Remedy: leave --target out, or read the facts on a cluster (docs/engines.md)."
        )
    for fact in _STARTS if study else _STARTS[:1]:
        lake.digests(fact)
    prepare_build(lake)
    results = dbt_folder(lake.home, target) / "run_results.json"
    results.unlink(missing_ok=True)
    seeded = parsed_before(dbt_folder(lake.home), dbt_project_folder())
    with working("tables"), seeded if target == "duckdb" else nullcontext():
        finished = _run_build(study, lake.home, target)
    if not results.exists():
        raise _failure(lake.home, _last_lines(finished.stdout + finished.stderr), target)
    report = json.loads(results.read_text(encoding="utf-8"))
    problems = _problems(report["results"], lake.home if target == "duckdb" else None)
    if problems or finished.returncode:
        raise _failure(lake.home, "\n  ".join(problems) or _last_lines(finished.stdout), target)
    return {"nodes": _counts(report["results"]), "seconds": report["elapsed_time"]}


def prepare_build(lake: "Lake") -> None:
    """Make all that dbt reads ready: whole facts, columns of those that are absent, the records.

    Raises FactError naming the first fact that is damaged or of an earlier version.
    """
    from influence_warehouse.lake.empty_facts import write_empty_facts
    from influence_warehouse.lake.records import write_records_table

    lake.require_intact()
    write_empty_facts(lake)
    write_records_table(lake.home)
    note_built_from(lake.home)


def build_failure(home: Home) -> WarehouseError:
    """The error that names what failed in the last dbt command of a home, from its results."""
    results = dbt_folder(home) / "run_results.json"
    found = json.loads(results.read_text(encoding="utf-8"))["results"] if results.exists() else []
    return _failure(home, "\n  ".join(_problems(found, home)) or "no node has failed by name")


def _problems(results: list[dict[str, Any]], home: Home | None) -> list[str]:
    """What failed, with the first row of a failed test that can be read in a home's build."""
    return [
        f"{result['unique_id']}: {_first_line(result['message'])}"
        f"{_first_row(result, home) if home and result['status'] == 'fail' else ''}"
        for result in results
        if result["status"] in ("error", "fail", "runtime error")
    ]


def _first_row(result: dict[str, Any], home: Home) -> str:
    import duckdb

    try:
        with duckdb.connect() as connection:
            file = sql_text(str(home.build_database))
            connection.execute(f"attach {file} as {home.build_database.stem} (read_only)")
            found = connection.sql(result["compiled_code"]).limit(1).pl().to_dicts()
    except duckdb.Error:
        return ""  # the message stands without it
    return f" First: {found[0]}" if found else ""


def _run_build(study: "Study | None", home: Home, target: str) -> subprocess.CompletedProcess[str]:
    # A process of its own: dbt keeps global state, and its memory goes back when it ends.
    return subprocess.run(
        python("-m", _DBT[target], "--quiet", "build"),
        env=child_environment(dbt_environment(home, study, target)),
        capture_output=True,
        text=True,
        check=False,
    )


def _counts(results: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for result in results:
        counts[result["status"]] = counts.get(result["status"], 0) + 1
    return counts


def _failure(home: Home, what: str, target: str = "duckdb") -> WarehouseError:
    remedy = "Remedy: read the log"
    if "lock" in what.lower():
        remedy = "Remedy: close the process that holds the file open for writing, or read the log"
    if "corrupt database file" in what.lower():
        remedy = "Remedy: delete this file, which is built from the facts alone, or read the log"
    built = home.build_database if target == "duckdb" else home.spark
    return WarehouseError(
        f"{built}: dbt could not build the warehouse:\n  {what}\n"
        f"{remedy} {dbt_folder(home, target) / 'dbt.log'}."
    )


def _first_line(message: str | None) -> str:
    return " ".join((message or "no message").split())[:300]


def _last_lines(text: str) -> str:
    return "\n  ".join(text.strip().splitlines()[-15:])
