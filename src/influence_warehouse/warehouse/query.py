"""Read-only queries on a published warehouse: a name of the sql/ folder, or SQL.

Belongs here: opening the published file so that nothing can be written or read beside it,
named queries, and errors an analyst can act on.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.quoting import sql_name
from influence_warehouse.study.statement_tree import parts_of, require_reading, tree_of
from influence_warehouse.warehouse.build import project_folder
from influence_warehouse.warehouse.publish import SCHEMA, is_corrupt

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_HEADER = re.compile(r"^--\s*(question|grain|reads):\s*(.+)$")
_NAME = re.compile(r"^[\w-]+$")
_SETTINGS = (
    f"search_path = '{SCHEMA}'",
    # Else the folder of spilled rows may be written, and a log beside the published file.
    "temp_directory = ''",
    "python_enable_replacements = false",
    "enable_external_access = false",
    # Read-only as the file is, `copy` could write its log, which the next reader would replay:
    # the folder of an opened file stays open to access from inside.
    "disabled_filesystems = 'LocalFileSystem'",
    "lock_configuration = true",
)
_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?", re.IGNORECASE)
_TABLE_FUNCTIONS = {
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_tables",
    "duckdb_types",
    "generate_series",
    "histogram",
    "json_each",
    "pragma_table_info",
    "range",
    "summary",
    "unnest",
}


@dataclass(frozen=True)
class NamedQuery:
    """One file of sql/: its question, the grain of its rows, the marts it reads, its SQL."""

    name: str
    question: str
    grain: str
    reads: tuple[str, ...]
    sql: str


def sql_folder() -> Path:
    """Folder of the named queries."""
    return project_folder("sql")


def named_queries() -> dict[str, NamedQuery]:
    """All named queries by name, alphabetically."""
    return {path.stem: _read_query(path) for path in sorted(sql_folder().glob("*.sql"))}


def _read_query(path: Path) -> NamedQuery:
    sql = path.read_text(encoding="utf-8")
    matches = [match for line in sql.splitlines() if (match := _HEADER.match(line))]
    header = {match[1]: match[2] for match in matches}
    reads = tuple(name.strip() for name in header.get("reads", "").split(",") if name.strip())
    return NamedQuery(path.stem, header.get("question", ""), header.get("grain", ""), reads, sql)


def run_query(home: Home, name_or_sql: str) -> "pl.DataFrame":
    """Rows of a named query, or of SQL on the marts. Raises as `reading`."""
    with reading(home, name_or_sql) as (connection, sql):
        return connection.sql(sql).pl()


@contextmanager
def reading(home: Home, name_or_sql: str) -> Iterator[tuple["duckdb.DuckDBPyConnection", str]]:
    """A connection that can only read the marts, and the SQL to run on it inside the block.

    The SQL is that of a named query, or what was given; marts need no schema prefix. Raises
    WarehouseError when the name is unknown, the study is not published, the SQL is wrong, or it
    would write or read anything but the published file.
    """
    sql = _sql_of(name_or_sql)
    if not home.database.exists():
        raise WarehouseError(
            f"{home.database}: missing; the study is not published yet. "
            f"Remedy: {home.maker}, or name its root with --warehouse DIR."
        )
    import duckdb

    try:
        with duckdb.connect(str(home.database), read_only=True) as connection:
            for setting in _SETTINGS:
                connection.execute(f"set {setting}")
            _require_reading(connection, sql)
            yield connection, sql
    except duckdb.Error as error:
        remedy = "correct the SQL; the file is read-only and `show tables` lists its marts."
        if is_corrupt(error):
            remedy = f"{home.maker} publishes it again."
        raise WarehouseError(f"{home.database}: {error}\nRemedy: {remedy}") from error


@dataclass(frozen=True)
class Asked:
    """A query to run: its SQL and the values that stand for its `?`."""

    sql: str
    values: tuple[str, ...] = ()


def filtered(connection: "duckdb.DuckDBPyConnection", sql: str, values: Mapping[str, str]) -> Asked:
    """The rows of a query whose columns have these values, compared as text, in its order.

    Raises WarehouseError for a column that the query does not have, and where `sql` is several
    statements.
    """
    if not values:
        return Asked(sql)
    inner = _one_select(connection, sql)
    columns = connection.sql(inner).columns
    for name in values:
        if name not in columns:
            close = difflib.get_close_matches(name, columns, n=1)
            guess = f"did you mean {close[0]}? " if close else ""
            raise WarehouseError(
                f"{name}: no column of the query. Remedy: {guess}Its columns: {', '.join(columns)}."
            )
    kept = " and ".join(f"cast({sql_name(name)} as varchar) = ?" for name in values)
    return Asked(f"select * from ({inner}\n) where {kept}", tuple(values.values()))


def _one_select(connection: "duckdb.DuckDBPyConnection", sql: str) -> str:
    """The query as DuckDB writes it, without comments and semicolons."""
    try:
        if len(tree_of(connection, sql)["statements"]) == 1:
            written = "select json_deserialize_sql(json_serialize_sql(?))"
            return str(connection.execute(written, [sql]).fetchall()[0][0])
    except ValueError:
        pass  # told below: a pivot, or an explanation
    raise WarehouseError(
        "Values of columns keep rows of one `select`. "
        "Remedy: give one, or write the condition into the SQL."
    )


def _require_reading(connection: "duckdb.DuckDBPyConnection", sql: str) -> None:
    """Raise WarehouseError unless every statement is a select, or the explanation of one."""
    statements = connection.extract_statements(sql)
    if not statements:
        raise WarehouseError("The SQL returns no rows. Remedy: end it with a `select`.")
    explained = _EXPLAIN.match(sql)
    if explained and len(statements) == 1 and statements[0].type.name == "EXPLAIN":
        # `explain analyze` runs what it explains.
        return _require_reading(connection, sql[explained.end() :])
    try:
        if [statement.type.name for statement in statements] == ["MULTI"]:
            _require_plain_pivot(sql)
        else:
            _require_harmless(tree_of(connection, sql))
    except ValueError as error:
        raise WarehouseError(
            f"not a query: {error}. Remedy: write one that reads (`select`, `from`, "
            "`show tables`, `describe`); --to saves its rows to a file."
        ) from error


def _require_harmless(tree: dict[str, Any]) -> None:
    require_reading(tree)
    for part in parts_of(tree):
        if part.get("type") == "TABLE_FUNCTION":
            name = part["function"].get("function_name", "")
            if name not in _TABLE_FUNCTIONS:
                raise ValueError(f"the function {name} is not allowed as a table")


def _require_plain_pivot(sql: str) -> None:
    """A pivot whose columns follow from the data has no tree; without `with` it only reads."""
    import duckdb

    keyword = duckdb.token_type.keyword
    starts = [place for place, kind in duckdb.tokenize(sql) if kind == keyword]
    if any(sql.encode()[place : place + 4].lower() == b"with" for place in starts):
        raise ValueError("a pivot beside `with` must list its columns: `on topic in ('health')`")


def _sql_of(name_or_sql: str) -> str:
    text = name_or_sql.strip()
    if not text:
        raise WarehouseError("The query is empty. Remedy: give SQL or the name of a query.")
    if not _NAME.match(text):
        return text
    queries = named_queries()
    if text in queries:
        return queries[text].sql
    close = difflib.get_close_matches(text, queries, n=3, cutoff=0.4)
    known = f"close to it: {', '.join(close)}" if close else f"known: {', '.join(queries)}"
    raise WarehouseError(
        f"{text}: no query of that name ({known}). "
        'Remedy: give one of these names, or SQL such as "select * from bin_influence".'
    )
