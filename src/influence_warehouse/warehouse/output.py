"""Printing or saving the rows of a query: for people a table, for tools csv, json, parquet.

Does not belong here: running the query (`query`).
"""

import sys
from pathlib import Path

import polars as pl

from influence_warehouse.errors import WarehouseError
from influence_warehouse.facts import write_atomically

_SHOWN_ROWS = 200


def write_result(rows: pl.DataFrame, output: str, to: Path | None) -> None:
    """Write `rows` as `output` (table, csv, json, parquet) to stdout or to the file `to`.

    Raises WarehouseError for parquet without a file.
    """
    if output == "parquet":
        if to is None:
            raise WarehouseError("parquet is not text. Remedy: name a file with --to FILE.")
        write_atomically(to, rows.write_parquet)
    elif to is not None:
        text = _as_text(rows, output)
        write_atomically(to, lambda part: part.write_text(text, encoding="utf-8"))
    else:
        sys.stdout.write(_as_text(rows, output))


def _as_text(rows: pl.DataFrame, output: str) -> str:
    if output == "csv":
        return rows.write_csv()
    if output == "json":
        return rows.write_json() + "\n"
    return _table(rows)


def _table(rows: pl.DataFrame) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    for name, dtype in rows.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left")
    for row in rows.head(_SHOWN_ROWS).iter_rows():
        # Text, not markup: a document's brackets are the document's.
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console(width=None if sys.stdout.isatty() else 220)
    with console.capture() as capture:
        console.print(table)
    left_out = rows.height - _SHOWN_ROWS
    note = f"({left_out} more rows; --output csv shows all)\n" if left_out > 0 else ""
    return f"{capture.get()}({rows.height} rows)\n{note}"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
