"""Publish the marts: a read-only DuckDB file that analysts open, replaced in one step.

Belongs here: copying schema `marts` out of the file that dbt writes. Does not belong here:
what the marts say (dbt/) and reading them (query.py).
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.built_from import SCHEMA_ABOUT, built_from
from influence_warehouse.lake.layout import Home
from influence_warehouse.quoting import sql_name, sql_text

if TYPE_CHECKING:
    import duckdb

    from influence_warehouse.study.study import Study

SCHEMA = "marts"
# So that the newest duckdb command line on the package indexes opens the file, too.
STORAGE_VERSION = "v1.5.0"


def publish(home: Home, study: "Study | None", built: Path | None = None) -> Path:
    """Copy the marts with their descriptions into `home.database` and return its path.

    `built` is the file that they are in, by default the one that dbt writes.

    Readers see the old file or the new one, never a part: the copy is written beside it,
    flushed to disk and renamed. `study` is None for an imported one. Raises WarehouseError when
    there are no marts to publish, another process holds the build database for writing, or the
    disk refuses.
    """
    from influence_warehouse.lake.facts import write_atomically

    built = built or home.build_database
    if not built.exists():
        raise WarehouseError(
            f"{built}: missing, so there is nothing to publish. Remedy: {_remedy(study)} builds it."
        )
    noted = built_from(home.build_database)
    write_atomically(home.database, lambda part: _copy_marts(built, noted, study, part))
    return home.database


def _copy_marts(built: Path, noted: Path, study: "Study | None", target: Path) -> None:
    import duckdb

    try:
        with duckdb.connect() as connection:
            attach(connection, built, "build", "READ_ONLY")
            tables = connection.execute(
                "select table_name, comment from duckdb_tables() where database_name = 'build' "
                "and schema_name = ? order by table_name",
                [SCHEMA],
            ).fetchall()
            if not tables:
                raise WarehouseError(
                    f"{built}: holds no marts. Remedy: {_remedy(study)} builds them."
                )
            with publication(connection, target):
                for table, comment in tables:
                    _copy_table(connection, table, comment)
                if noted.exists():
                    _copy_facts(connection, noted)
    except duckdb.Error as error:
        remedy = "close the process that writes the file, or free disk space, and run again."
        if is_corrupt(error):
            remedy = f"delete the file; {_remedy(study)} builds it again."
        raise WarehouseError(
            f"{built}: the marts cannot be published ({error}). Remedy: {remedy}"
        ) from error


def _remedy(study: "Study | None") -> str:
    return f"`influence run {study.name}`" if study else "importing the study again"


@contextmanager
def publication(connection: "duckdb.DuckDBPyConnection", target: Path) -> Iterator[None]:
    """Attach a new file `target` as `published`, with schema marts; whole on disk at the end."""
    attach(connection, target, "published", f"STORAGE_VERSION '{STORAGE_VERSION}'")
    connection.execute(f"create schema published.{SCHEMA}")
    yield
    connection.execute("checkpoint published")
    connection.execute("detach published")


def attach(connection: "duckdb.DuckDBPyConnection", file: Path, name: str, option: str) -> None:
    """Attach a DuckDB file under a name, with an option of SQL's `attach`."""
    connection.execute(f"attach {sql_text(str(file))} as {name} ({option})")


def create_mart(
    connection: "duckdb.DuckDBPyConnection",
    table: str,
    source: str,
    comment: str,
    columns: Iterable[tuple[str, str]],
) -> None:
    """Make a published mart of the SQL `source`, with its and its columns' descriptions."""
    target = f"published.{SCHEMA}.{sql_name(table)}"
    connection.execute(f"create table {target} as {source}")
    connection.execute(f"comment on table {target} is {sql_text(comment)}")
    for column, description in columns:
        connection.execute(
            f"comment on column {target}.{sql_name(column)} is {sql_text(description)}"
        )


def _copy_table(connection: "duckdb.DuckDBPyConnection", table: str, comment: str | None) -> None:
    columns = connection.execute(
        "select column_name, coalesce(comment, '') from duckdb_columns() "
        "where database_name = 'build' and schema_name = ? and table_name = ? "
        "order by column_index",
        [SCHEMA, table],
    ).fetchall()
    create_mart(connection, table, f"from build.{SCHEMA}.{sql_name(table)}", comment or "", columns)


def _copy_facts(connection: "duckdb.DuckDBPyConnection", noted: Path) -> None:
    connection.execute(f"create schema published.{SCHEMA_ABOUT}")
    connection.execute(
        f"create table published.{SCHEMA_ABOUT}.facts"
        "(fact varchar, part varchar, fingerprint varchar)"
    )
    rows = json.loads(noted.read_text(encoding="utf-8"))
    if rows:
        connection.executemany(f"insert into published.{SCHEMA_ABOUT}.facts values (?, ?, ?)", rows)


def is_corrupt(error: "duckdb.Error") -> bool:
    """Whether DuckDB found a block of a file damaged, by its checksum."""
    return "corrupt database file" in str(error).lower()
