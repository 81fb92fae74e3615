"""Marts as files: from a published copy to Parquet and CSV, and from Parquet to a published copy.

DuckDB does both, so that a column keeps its type and a number its bits. Belongs here: reading a
published copy's tables and their files' contract. Does not belong here: which other files a
release has (`contents`).
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb

from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.exchange.releases.notes import Column, Table, Text
from influence_warehouse.lake.facts import write_atomically
from influence_warehouse.progress import counted
from influence_warehouse.quoting import sql_name, sql_text
from influence_warehouse.warehouse.dictionary import mart_keys
from influence_warehouse.warehouse.publish import (
    SCHEMA,
    attach,
    create_mart,
    publication,
)

# Sentences of documents. Single terms, ids and addresses are no text that somebody wrote.
_EXCERPTS = frozenset({"excerpt"})
TEXT_COLUMNS = {"top_documents": _EXCERPTS, "method_disagreement_documents": _EXCERPTS}


def published_tables(connection: duckdb.DuckDBPyConnection, catalog: str) -> list[Table]:
    """The marts of an attached published copy, by name."""
    names = connection.execute(
        "select table_name, coalesce(comment, '') from duckdb_tables() "
        "where database_name = ? and schema_name = ? order by table_name",
        [catalog, SCHEMA],
    ).fetchall()
    keys = mart_keys()
    return [
        _table(connection, f"{catalog}.{SCHEMA}.{sql_name(name)}", catalog, name, comment, keys)
        for name, comment in names
    ]


def _table(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    catalog: str,
    name: str,
    comment: str,
    keys: dict[str, tuple[str, ...]],
) -> Table:
    columns = connection.execute(
        "select column_name, data_type, coalesce(comment, '') from duckdb_columns() "
        "where database_name = ? and schema_name = ? and table_name = ? order by column_index",
        [catalog, SCHEMA, name],
    ).fetchall()
    names = {column for column, _, _ in columns}
    key = keys.get(name, ())
    return Table(
        name=name,
        description=comment.strip(),
        key=key if names.issuperset(key) else (),
        rows=count(connection, relation),
        columns=tuple(Column(name=c, type=t, description=d.strip()) for c, t, d in columns),
    )


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Number of rows of a relation."""
    # All rows are fetched, here and elsewhere: a result in part would block the connection.
    return int(connection.execute(f"select count(*) from {relation}").fetchall()[0][0])


def write_marts(database: Path, folder: Path, text: Text) -> list[Table]:
    """Every mart of a published copy as `marts/<mart>.parquet` and `.csv`, sorted by its key.

    With `text` none, sentences of documents are null. In CSV lists are JSON, and texts that begin
    with `=`, `+`, `-`, `@`, a tab or a carriage return have an apostrophe before them, so that no
    spreadsheet computes them. Equal marts give equal bytes. Raises WarehouseError when the copy
    cannot be read or the disk refuses.
    """
    (folder / "marts").mkdir(parents=True)
    try:
        with duckdb.connect() as connection:
            # One thread, so that rows are grouped in one way only.
            connection.execute("set threads = 1")
            attach(connection, database, "source", "READ_ONLY")
            tables = published_tables(connection, "source")
            for table in counted(tables, "writing", "tables"):
                _write_mart(connection, table, folder, text)
            return tables
    except duckdb.Error as error:
        raise WarehouseError(
            f"{database}: the marts cannot be written as files ({error}). "
            "Remedy: close the process that writes the file, or free disk space, and export again."
        ) from error


def _write_mart(
    connection: duckdb.DuckDBPyConnection, table: Table, folder: Path, text: Text
) -> None:
    hidden = TEXT_COLUMNS.get(table.name, frozenset()) if text == "none" else frozenset()
    cells = [
        f"cast(null as {column.type}) as {sql_name(column.name)}"
        if column.name in hidden
        else sql_name(column.name)
        for column in table.columns
    ]
    order = ", ".join(map(sql_name, table.key)) or "all"
    source = f"from source.{SCHEMA}.{sql_name(table.name)} order by {order}"
    target = sql_text(str(folder / table.parquet))
    connection.execute(
        f"copy (select {', '.join(cells)} {source}) to {target} (format parquet, compression zstd)"
    )
    plain = [
        cell if column.name in hidden else f"{_for_csv(column, cell)} as {sql_name(column.name)}"
        for cell, column in zip(cells, table.columns, strict=True)
    ]
    target = sql_text(str(folder / table.csv))
    connection.execute(
        f"copy (select {', '.join(plain)} {source}) to {target} (format csv, header)"
    )


def _for_csv(column: Column, cell: str) -> str:
    """Lists as JSON; a text that a spreadsheet would compute (`=1+1`) after an apostrophe."""
    if _is_nested(column):
        return f"to_json({cell})"
    if column.type != "VARCHAR":
        return cell
    computes = f"regexp_matches({cell}, '^[=+@\\t\\r-]')"
    return f"case when {computes} then chr(39) || {cell} else {cell} end"


def _is_nested(column: Column) -> bool:
    return column.type.endswith("[]") or column.type.startswith(("STRUCT", "MAP"))


def contract_problems(folder: Path, tables: Iterable[Table]) -> list[str]:
    """What of the marts' Parquet files is not as the release's notes say: columns, rows, key."""
    problems = []
    with duckdb.connect() as connection:
        for table in tables:
            relation = parquet_relation(folder, table)
            try:
                problems += _table_problems(connection, table, relation)
            except duckdb.Error as error:
                problems.append(f"{table.parquet}: cannot be read ({error})")
    return problems


def _table_problems(
    connection: duckdb.DuckDBPyConnection, table: Table, relation: str
) -> list[str]:
    found = connection.execute(f"describe select * from {relation}").fetchall()
    stated = [(column.name, column.type) for column in table.columns]
    if [(name, kind) for name, kind, *_ in found] != stated:
        return [f"{table.parquet}: its columns are not those of the release's notes"]
    rows = count(connection, relation)
    if rows != table.rows:
        return [f"{table.parquet}: {rows:,} rows, but {table.rows:,} in the release's notes"]
    if table.key and not is_unique(connection, relation, table.key):
        return [f"{table.parquet}: several rows have the same {', '.join(table.key)}"]
    return []


def is_unique(connection: duckdb.DuckDBPyConnection, relation: str, key: tuple[str, ...]) -> bool:
    """Whether no two rows of a relation share a key; nulls count as equal."""
    columns = ", ".join(map(sql_name, key))
    groups = count(connection, f"(select distinct {columns} from {relation})")
    return groups == count(connection, relation)


def parquet_relation(folder: Path, table: Table) -> str:
    """SQL that reads a mart's Parquet file."""
    return f"read_parquet({sql_text(str(folder / table.parquet))})"


def publish_files(folder: Path, tables: Iterable[Table], database: Path, study: str) -> None:
    """Make a published copy of a release's Parquet files; the column `study` becomes `study`.

    Readers see the old copy or the new one. Raises InputError when a file cannot be read.
    """
    try:
        write_atomically(database, lambda part: _publish(folder, tables, part, study))
    except duckdb.Error as error:
        raise InputError(
            f"{folder}: the marts cannot be published ({error}). "
            "Remedy: get the release again, or free disk space."
        ) from error


def _publish(folder: Path, tables: Iterable[Table], target: Path, study: str) -> None:
    with duckdb.connect() as connection, publication(connection, target):
        for table in tables:
            named = any(column.name == "study" for column in table.columns)
            renamed = f" replace ({sql_text(study)} as study)" if named else ""
            columns = [(column.name, column.description) for column in table.columns]
            source = f"select *{renamed} from {parquet_relation(folder, table)}"
            create_mart(connection, table.name, source, table.description, columns)
