"""Printing or saving the rows of a query: for people a table, for tools csv, json, parquet.

Does not belong here: running the query (`query`).
"""

import io
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from influence_warehouse.errors import WarehouseError
from influence_warehouse.quoting import printable, printable_cell
from influence_warehouse.warehouse.query import Asked
from influence_warehouse.warehouse.unknowns import Unknowns, unknowns_of

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

FORMATS = ("table", "csv", "json", "parquet")
_SHOWN_ROWS = 200
_BATCH_ROWS = 10_000
# Names and numbers are shown whole; longer texts take several lines of this width or more.
_WHOLE = 40
# Of output that goes to a file or another program and does not say (COLUMNS).
_UNKNOWN_WIDTH = 220
_NUMBERS = ("DOUBLE", "FLOAT", "DECIMAL", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_LIMIT_OF_INTEGERS = 2**63


def format_of(output: str | None, to: Path | None) -> str:
    """The format that `--output` names, else the one that the file's ending tells, else table.

    Raises WarehouseError where both tell another.
    """
    ending = to.suffix.lower().removeprefix(".") if to else ""
    told = ending if ending in FORMATS else None
    if output and told and output != told:
        raise WarehouseError(
            f"{to}: the ending says {told}, --output says {output}. Remedy: leave one of them out."
        )
    return output or told or "table"


def write_rows(
    connection: "DuckDBPyConnection", asked: Asked, output: str, to: Path | None
) -> None:
    """Write a query's rows as `output` (table, csv, json, parquet) to stdout or to the file `to`.

    What of them the study cannot know is told below a table, and on stderr beside other output. A
    link is followed to its file, which is replaced whole; pipes and devices are written to. Raises
    WarehouseError for parquet without a file, and DuckDB's error for wrong SQL.
    """
    if to is not None:
        save(
            to,
            _as_parquet(connection, asked)
            if output == "parquet"
            else _as_text(connection, asked, output, styled=False).encode(),
        )
    elif output == "parquet":
        raise WarehouseError("parquet is not text. Remedy: name a file with --to FILE.")
    else:
        shown = sys.stdout.isatty()
        text = _as_text(connection, asked, output, styled=shown and "NO_COLOR" not in os.environ)
        # A table has its own cells' control characters shown already, and may have styles.
        sys.stdout.write(printable(text) if shown and output != "table" else text)
    if output != "table":
        for note in unknowns_of(connection, asked.sql).notes:
            print(printable(note), file=sys.stderr)


def save(to: Path, content: bytes) -> None:
    """Write a file whole or not at all, through links; or write into a pipe or device.

    Raises WarehouseError when the place refuses.
    """
    from influence_warehouse.lake.facts import write_atomically

    if to.exists() and _is_stdout(to):
        # `--to /dev/stdout` where that is redirected to a file: it goes on where it is.
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        return
    if to.exists() and not to.is_file() and not to.is_dir():
        try:
            with to.open("wb") as stream:
                stream.write(content)
        except OSError as error:
            raise WarehouseError(
                f"{to}: cannot be written ({error.strerror or error}). Remedy: name a file."
            ) from error
        return
    write_atomically(to.resolve(), lambda part: part.write_bytes(content))


def _is_stdout(target: Path) -> bool:
    try:
        return os.path.samestat(target.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):  # a stream of a test has no number
        return False


def _as_parquet(connection: "DuckDBPyConnection", asked: Asked) -> bytes:
    stream = io.BytesIO()
    _relation(connection, asked).pl().write_parquet(stream)
    return stream.getvalue()


def _as_text(connection: "DuckDBPyConnection", asked: Asked, output: str, styled: bool) -> str:
    if output == "csv":
        return _plain(connection, asked, nested="to_json({})::varchar").pl().write_csv()
    if output == "json":
        return _with_numbers(_plain(connection, asked, nested="{}").pl()).write_json() + "\n"
    unknowns = unknowns_of(connection, asked.sql)
    return _table(connection.execute(asked.sql, asked.values), styled, unknowns)


def _relation(connection: "DuckDBPyConnection", asked: Asked) -> Any:
    return connection.sql(asked.sql, params=list(asked.values))


def _plain(connection: "DuckDBPyConnection", asked: Asked, nested: str) -> Any:
    """The query's relation with columns of types that neither csv nor json has as text."""
    rows = _relation(connection, asked)
    cells = []
    for name, kind in zip(rows.columns, map(str, rows.types), strict=True):
        column = '"' + name.replace('"', '""') + '"'
        cell = column
        if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
            cell = nested.format(column)
        elif kind in ("INTERVAL", "BLOB", "BIT", "UHUGEINT", "TIME WITH TIME ZONE"):
            cell = f"{column}::varchar"
        cells.append(f"{cell} as {column}")
    return rows.project(", ".join(cells))


def _with_numbers(frame: "pl.DataFrame") -> "pl.DataFrame":
    """Integers of 128 bits, as DuckDB sums integers, as numbers of JSON."""
    import polars as pl

    for name, kind in frame.schema.items():
        if kind in (pl.Int128, pl.Decimal(38, 0)):
            largest = max((abs(value) for value in frame[name].drop_nulls()), default=0)
            fits = largest < _LIMIT_OF_INTEGERS
            frame = frame.with_columns(pl.col(name).cast(pl.Int64 if fits else pl.Float64))
    return frame


def _table(result: "DuckDBPyConnection", styled: bool, unknowns: Unknowns) -> str:
    """The first rows. Without polars, whose import takes longer than most queries."""
    described = [(name, str(kind)) for name, kind, *_ in result.description or ()]
    names = [printable_cell(name) for name, _ in described]
    shown = [[_cell(value) for value in row] for row in result.fetchmany(_SHOWN_ROWS)]
    widest = [_widest([name, *(row[i] for row in shown)]) for i, name in enumerate(names)]
    width = shutil.get_terminal_size((_UNKNOWN_WIDTH, 50)).columns
    fitting = _fitting(widest, width)
    text = _drawn(described[:fitting], names, shown, widest, width, styled)
    left_out = 0
    while batch := result.fetchmany(_BATCH_ROWS):
        left_out += len(batch)
    text += f"({_counted(len(shown) + left_out, unknowns)})\n"
    text += "".join(_folded(printable(note), width) for note in unknowns.notes)
    if fitting < len(names):
        text += _folded(
            f"({len(names) - fitting} more columns do not fit in {width}; name fewer, or take "
            f"--output csv: {', '.join(names[fitting:])})",
            width,
        )
    if left_out:
        text += f"({left_out} more rows; --output csv shows all)\n"
    return text


def _counted(rows: int, unknowns: Unknowns) -> str:
    """How many rows; none where that cannot be known is not said to be none."""
    return "rows: not known" if not rows and unknowns.deciding else f"{rows} rows"


def _widest(cells: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, cells))


def _fitting(widest: Sequence[int], width: int) -> int:
    """How many columns, from the first, can be shown with nothing of them cut; at least one."""
    used = 0
    for place, column in enumerate(widest):
        used += min(column, _WHOLE) + (3 if place else 0)
        if used > width:
            return max(place, 1)
    return len(widest)


def _drawn(
    described: Sequence[tuple[str, str]],
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    widest: Sequence[int],
    width: int,
    styled: bool,
) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    for (_, kind), name, cells in zip(described, names, widest, strict=False):
        is_number = kind.removeprefix("U").startswith(_NUMBERS) and "[" not in kind
        table.add_column(
            Text(name),
            justify="right" if is_number else "left",
            overflow="fold",
            min_width=min(cells, _WHOLE),
        )
    for row in rows:
        # Text, not markup: a document's brackets are the document's.
        table.add_row(*map(Text, row[: len(described)]))
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(width, min(widest[0], _WHOLE) if widest else width),
        force_terminal=styled,
        color_system="auto" if styled else None,
    )
    console.print(table)
    return stream.getvalue()


def _folded(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, max(width, _WHOLE), break_long_words=False)) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else printable_cell(str(value))
