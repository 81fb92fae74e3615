"""Printing or saving the rows of a query: for people a table, for tools csv, json, parquet.

Does not belong here: running the query (`query`).
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from influence_warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SHOWN_ROWS = 200
_BATCH_ROWS = 10_000
_NUMBERS = ("DOUBLE", "FLOAT", "DECIMAL", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")


def write_rows(connection: "DuckDBPyConnection", sql: str, output: str, to: Path | None) -> None:
    """Write a query's rows as `output` (table, csv, json, parquet) to stdout or to the file `to`.

    Raises WarehouseError for parquet without a file, and DuckDB's error for wrong SQL.
    """
    if to is None:
        if output == "parquet":
            raise WarehouseError("parquet is not text. Remedy: name a file with --to FILE.")
        sys.stdout.write(_as_text(connection, sql, output))
        return
    from influence_warehouse.facts import write_atomically

    if output == "parquet":
        write_atomically(to, connection.sql(sql).pl().write_parquet)
    else:
        text = _as_text(connection, sql, output)
        write_atomically(to, lambda part: part.write_text(text, encoding="utf-8"))


def _as_text(connection: "DuckDBPyConnection", sql: str, output: str) -> str:
    if output == "csv":
        return connection.sql(sql).pl().write_csv()
    if output == "json":
        return connection.sql(sql).pl().write_json() + "\n"
    return _table(connection.execute(sql))


def _table(result: "DuckDBPyConnection") -> str:
    """The first rows. Without polars, whose import takes longer than most queries."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    for name, kind, *_ in result.description or ():
        is_number = str(kind).removeprefix("U").startswith(_NUMBERS) and "[" not in str(kind)
        table.add_column(name, justify="right" if is_number else "left")
    shown = result.fetchmany(_SHOWN_ROWS)
    for row in shown:
        # Text, not markup: a document's brackets are the document's.
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console(width=None if sys.stdout.isatty() else 220)
    with console.capture() as capture:
        console.print(table)
    left_out = 0
    while batch := result.fetchmany(_BATCH_ROWS):
        left_out += len(batch)
    note = f"({left_out} more rows; --output csv shows all)\n" if left_out else ""
    return f"{capture.get()}({len(shown) + left_out} rows)\n{note}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
