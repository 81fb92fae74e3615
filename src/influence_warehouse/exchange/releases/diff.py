"""What differs between the marts of two studies: tables, columns, rows, values, ranks.

Rows are matched by the key of their mart (the first test of uniqueness in dbt); where it is not
known or not unique on a side, whole rows are counted. DuckDB does the work, so that tables may be
larger than memory. Does not belong here: ranks (`ranks`) and printing (`diff_output`).
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
from pydantic import ValidationError

from influence_warehouse.errors import WarehouseError
from influence_warehouse.exchange.releases.notes import Column, Release, Table
from influence_warehouse.exchange.releases.ranks import RankChange, rank_changes
from influence_warehouse.exchange.releases.tables import (
    count,
    is_unique,
    parquet_relation,
    published_tables,
)
from influence_warehouse.progress import counted
from influence_warehouse.quoting import sql_name
from influence_warehouse.warehouse.publish import SCHEMA, attach

# A study's name, and when and how fast its facts were made, are no results.
_COSTS = {"seconds", "core_seconds", "n_bytes"}
ASIDE = {
    "runs": {"started_at", "is_reused", "software", *_COSTS},
    "methods": {"documents_per_second", "cost_unknown_reason", *_COSTS},
}
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")


@dataclass(frozen=True)
class Side:
    """One of the two: a published copy, or the folder of a release that was verified."""

    label: str
    path: Path
    release: Release | None = None


@dataclass(frozen=True)
class ColumnDifference:
    """Matched rows in which a column differs, and by how much at most where both are numbers."""

    name: str
    rows: int
    largest: float | None


@dataclass(frozen=True)
class TableDifference:
    """How one mart that both have differs. `key` is empty where whole rows were counted."""

    name: str
    key: tuple[str, ...]
    rows: tuple[int, int]
    only_in: tuple[int, int]
    columns_only_in: tuple[tuple[str, ...], tuple[str, ...]]
    types: dict[str, tuple[str, str]]
    values: tuple[ColumnDifference, ...]

    @property
    def is_equal(self) -> bool:
        schema = any(self.columns_only_in) or self.types
        return not (schema or any(self.only_in) or self.values)


@dataclass(frozen=True)
class Difference:
    """All that differs between two sides."""

    labels: tuple[str, str]
    tolerance: float
    tables_only_in: tuple[tuple[str, ...], tuple[str, ...]]
    tables: tuple[TableDifference, ...]
    ranks: tuple[RankChange, ...]

    @property
    def is_equal(self) -> bool:
        return not any(self.tables_only_in) and all(table.is_equal for table in self.tables)


def compare(a: Side, b: Side, tolerance: float = 0.0, movers: int = 5) -> Difference:
    """Compare all marts of two sides. Numbers that differ by at most `tolerance` are equal.

    Raises WarehouseError when a side is missing or cannot be read.
    """
    with duckdb.connect() as connection:
        mine, other = (_tables(connection, side, name) for side, name in ((a, "a"), (b, "b")))
        shared = [name for name in mine if name in other]
        try:
            tables = tuple(
                _compare_table(connection, mine[name], other[name], tolerance)
                for name in counted(shared, "comparing", "tables")
            )
            ranks = rank_changes(connection, mine, other, movers)
        except duckdb.Error as error:
            raise WarehouseError(f"{a.path}, {b.path}: cannot be compared ({error}).") from error
    only = (tuple(sorted(mine.keys() - other)), tuple(sorted(other.keys() - mine)))
    return Difference((a.label, b.label), tolerance, only, tables, ranks)


def _tables(connection: duckdb.DuckDBPyConnection, side: Side, name: str) -> dict[str, Table]:
    """The marts of a side, each a view `<name>.<mart>` of the connection."""
    connection.execute(f"create schema {name}")
    try:
        if side.release is None:
            _require(side)
            catalog = _attached(connection, side.path, f"side_{name}")
            tables = published_tables(connection, catalog)
            sources = [f"{catalog}.{SCHEMA}.{sql_name(table.name)}" for table in tables]
        else:
            tables = list(side.release.tables)
            sources = [parquet_relation(side.path, table) for table in tables]
        for table, source in zip(tables, sources, strict=True):
            connection.execute(
                f"create view {name}.{sql_name(table.name)} as select * from {source}"
            )
    except (duckdb.Error, ValidationError) as error:
        raise WarehouseError(
            f"{side.path}: cannot be read ({error}). "
            "Remedy: name a published study, a release, or a file influence.duckdb."
        ) from error
    return {table.name: table for table in tables}


def _require(side: Side) -> None:
    if not side.path.is_file():
        raise WarehouseError(
            f"{side.path}: missing, so {side.label} has nothing to compare. "
            "Remedy: run or import the study, or name a release or a DuckDB file."
        )


def _attached(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> str:
    """Name under which a file is attached; one file can be attached once only."""
    known = connection.execute(
        "select database_name from duckdb_databases() where path = ?", [str(path)]
    ).fetchall()
    if known:
        return str(known[0][0])
    attach(connection, path, name, "READ_ONLY")
    return name


def _compare_table(
    connection: duckdb.DuckDBPyConnection, a: Table, b: Table, tolerance: float
) -> TableDifference:
    aside = {"study"} | ASIDE.get(a.name, set())
    mine, other = ({c.name: c for c in table.columns if c.name not in aside} for table in (a, b))
    shared = [name for name in mine if name in other]
    types = {
        name: (mine[name].type, other[name].type)
        for name in shared
        if mine[name].type != other[name].type
    }
    relations = [f"{side}.{sql_name(a.name)}" for side in ("a", "b")]
    # Of a release of an earlier version, which has no column for the one model it knows.
    key = tuple(name for name in a.key or b.key if name in shared)
    if key and not all(is_unique(connection, relation, key) for relation in relations):
        key = ()
    pairs = [(mine[name], other[name]) for name in shared if name not in key]
    if key:
        only_in, values = _by_key(connection, relations, key, pairs, tolerance)
    else:
        only_in, values = _by_row(connection, relations, shared), ()
    return TableDifference(
        name=a.name,
        key=key,
        rows=(count(connection, relations[0]), count(connection, relations[1])),
        only_in=only_in,
        columns_only_in=(
            tuple(n for n in mine if n not in other),
            tuple(n for n in other if n not in mine),
        ),
        types=types,
        values=values,
    )


def _by_row(
    connection: duckdb.DuckDBPyConnection, relations: list[str], columns: list[str]
) -> tuple[int, int]:
    cells = ", ".join(map(sql_name, columns)) or "1"
    a, b = (f"(select {cells} from {relation})" for relation in relations)
    return (
        count(connection, f"(from {a} except all from {b})"),
        count(connection, f"(from {b} except all from {a})"),
    )


def _by_key(
    connection: duckdb.DuckDBPyConnection,
    relations: list[str],
    key: tuple[str, ...],
    pairs: list[tuple[Column, Column]],
    tolerance: float,
) -> tuple[tuple[int, int], tuple[ColumnDifference, ...]]:
    matched = " and ".join(f"a.{sql_name(k)} is not distinct from b.{sql_name(k)}" for k in key)
    cells = ["count(*) filter (b.is_here is null)", "count(*) filter (a.is_here is null)"]
    for a, b in pairs:
        cells += _column_cells(a, b, tolerance)
    a_rows, b_rows = (f"(select *, true as is_here from {relation})" for relation in relations)
    row = connection.execute(
        f"select {', '.join(cells)} from {a_rows} as a full join {b_rows} as b on {matched}"
    ).fetchall()[0]
    values = tuple(
        ColumnDifference(a.name, row[2 + 2 * i], row[3 + 2 * i])
        for i, (a, _) in enumerate(pairs)
        if row[2 + 2 * i]
    )
    return (row[0], row[1]), values


def _column_cells(a: Column, b: Column, tolerance: float) -> list[str]:
    """SQL of how many matched rows differ in a column, and by how much at most."""
    mine, other = f"a.{sql_name(a.name)}", f"b.{sql_name(b.name)}"
    are_numbers = all(column.type.startswith(_NUMBERS) for column in (a, b))
    if a.type != b.type:
        common = "double" if are_numbers else "varchar"
        mine, other = f"cast({mine} as {common})", f"cast({other} as {common})"
    differs = f"a.is_here and b.is_here and {mine} is distinct from {other}"
    if not are_numbers:
        return [f"count(*) filter ({differs})", "null"]
    distance = f"abs(cast({mine} as double) - cast({other} as double))"
    if tolerance:
        # A null, or a distance that is no number, is never within the tolerance.
        differs += f" and not coalesce({distance} <= {tolerance!r}, false)"
    return [
        f"count(*) filter ({differs})",
        f"max({distance}) filter ({differs} and isfinite({distance}))",
    ]
