"""What a query asks for that the study cannot know, from the mart `unknowns`.

A null, a count of 0 and a table without rows look alike whether nothing is there or nothing can be
known. Belongs here: which of the two it is, in words, for the command line and the report. Does
not belong here: what a study cannot know, which the mart says (dbt/models/marts/unknowns.sql).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from influence_warehouse.lake.layout import Home
from influence_warehouse.study.statement_tree import parts_of, tree_of
from influence_warehouse.warehouse.query import reading

if TYPE_CHECKING:
    import duckdb

# Parts of a statement that decide which rows there are.
_CONDITIONS = ("where_clause", "having", "qualify", "condition")
_WHOLE_MART = "*"


@dataclass(frozen=True)
class Unknowns:
    """Notes for people, a reason each; `deciding` are of what decides which rows there are."""

    notes: tuple[str, ...] = ()
    deciding: tuple[str, ...] = ()


def unknowns_of(connection: "duckdb.DuckDBPyConnection", sql: str) -> Unknowns:
    """What `sql` reads that the study cannot know; nothing of a statement that has no tree.

    `connection` is one of `reading`. Columns are told by name: of two marts that share one, all
    that lack it are named.
    """
    try:
        tree = tree_of(connection, sql)
    except ValueError:
        return Unknowns()  # an explanation, or a pivot
    marts, starred = _marts(tree), set(_starred(tree))
    columns = {_WHOLE_MART, *_columns(tree)}
    conditions = [part[key] for part in parts_of(tree) for key in _CONDITIONS if part.get(key)]
    decisive = {_WHOLE_MART, *(column for part in conditions for column in _columns(part))}
    asked = [
        (mart, column, reason)
        for mart, column, reason in _listed(connection)
        if mart in marts and (column in columns or mart in starred)
    ]
    deciding = [row for row in asked if row[1] in decisive]
    return Unknowns(tuple(_notes(asked)), tuple(_notes(deciding)))


def unknowns_in(home: Home, name_or_sql: str) -> Unknowns:
    """`unknowns_of` a named query, or of SQL on the marts. Raises as `reading`."""
    with reading(home, name_or_sql) as (connection, sql):
        return unknowns_of(connection, sql)


def reason_of(home: Home, mart: str, column: str) -> str | None:
    """Why a column cannot be known; None where it can. Raises as `reading`."""
    with reading(home, "select 1") as (connection, _):
        reasons = {(mart, column): reason for mart, column, reason in _listed(connection)}
    return reasons.get((mart, column))


def _listed(connection: "duckdb.DuckDBPyConnection") -> list[tuple[str, str, str]]:
    """Mart, column and reason of all that is not known; none of a release that does not tell."""
    named = "select 1 from duckdb_tables() where table_name = 'unknowns'"
    if not connection.execute(named).fetchall():
        return []
    rows = "select mart, column_name, reason from unknowns order by reason, mart, column_name"
    return connection.execute(rows).fetchall()


def _marts(tree: Any) -> set[str]:
    return {part["table_name"] for part in parts_of(tree) if part.get("type") == "BASE_TABLE"}


def _columns(tree: Any) -> set[str]:
    return {
        part["column_names"][-1] for part in parts_of(tree) if part.get("class") == "COLUMN_REF"
    }


def _starred(tree: Any) -> Iterator[str]:
    """Tables that a select takes all columns of."""
    for part in parts_of(tree):
        selected = part["select_list"] if part.get("type") == "SELECT_NODE" else ()
        if any(column.get("class") == "STAR" for column in selected):
            yield from _joined(part["from_table"])


def _joined(source: dict[str, Any]) -> Iterator[str]:
    if source["type"] == "BASE_TABLE":
        yield source["table_name"]
    elif source["type"] == "JOIN":
        yield from _joined(source["left"])
        yield from _joined(source["right"])


def _notes(asked: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """`not known: p_value, q_value (topic_contrasts): needs ...`, a line for each reason."""
    by_reason: dict[str, dict[tuple[str, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    of_mart: dict[tuple[str, str], list[str]] = defaultdict(list)
    for mart, column, reason in asked:
        of_mart[reason, mart].append(column)
    for (reason, mart), columns in of_mart.items():
        by_reason[reason][tuple(columns)].append(mart)
    for reason, found in by_reason.items():
        parts = [
            ", ".join(marts)
            if columns == (_WHOLE_MART,)
            else f"{', '.join(columns)} ({', '.join(marts)})"
            for columns, marts in found.items()
        ]
        yield f"not known: {'; '.join(parts)}: {reason}"
