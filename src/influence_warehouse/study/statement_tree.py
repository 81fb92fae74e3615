"""What a statement may hold, decided by the tree that DuckDB parses it into.

Common table expressions may write (`with x as (copy ...)`), so the kind of a statement says
little. Every part of a tree has a kind; those that only read are listed here, and a part of any
other kind is refused, whatever kinds a later DuckDB brings.
Does not belong here: which tables and functions may be named (query, plain_select).
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

_QUERIES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"}
_SOURCES = {
    "BASE_TABLE",
    "EMPTY",
    "EXPRESSION_LIST",
    "JOIN",
    "PIVOT",
    "SHOW_REF",
    "SUBQUERY",
    "TABLE_FUNCTION",
}
_ORDERS = {
    "ASCENDING",
    "DESCENDING",
    "DISTINCT_MODIFIER",
    "LIMIT_MODIFIER",
    "LIMIT_PERCENT_MODIFIER",
    "ORDER_DEFAULT",
    "ORDER_MODIFIER",
}
_EXPRESSIONS = {
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "DEFAULT",
    "FUNCTION",
    "LAMBDA",
    "OPERATOR",
    "PARAMETER",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
}
_KINDS = _QUERIES | _SOURCES | _ORDERS


def tree_of(connection: "duckdb.DuckDBPyConnection", sql: str) -> dict[str, Any]:
    """The parsed statements of `sql`. Raises ValueError for what is no select, or no SQL."""
    tree = json.loads(connection.execute("select json_serialize_sql(?)", [sql]).fetchall()[0][0])
    if tree["error"]:
        raise ValueError(str(tree["error_message"]))
    return tree


def require_reading(tree: Any) -> None:
    """Raise ValueError, naming it, for a part that does anything but read."""
    for part in parts_of(tree):
        kind = part.get("type")
        if not isinstance(kind, str):
            continue
        is_known = part["class"] in _EXPRESSIONS if "class" in part else kind in _KINDS
        if not is_known:
            name = kind.removesuffix("_NODE").removesuffix("_QUERY").replace("_", " ").lower()
            raise ValueError(f"{name} is not allowed in a query, which only reads")


def parts_of(tree: Any) -> Iterator[dict[str, Any]]:
    """Every part of a tree, outer ones first."""
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            yield part
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)
