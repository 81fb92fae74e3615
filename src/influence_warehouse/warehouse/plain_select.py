"""SQL that a study file brings: one `select` on marts of influence, nothing else.

Such SQL becomes part of a dbt model, which runs with the rights of the build. So it may name
no table but those marts, no function that reads files, and no second statement. Does not
belong here: analysts' own queries, which run in a locked connection (query).
"""

import json
from typing import Any

READABLE = (
    "benchmark_correlations",
    "benchmarks",
    "bin_contrasts",
    "bin_influence",
    "bins",
    "document_influence",
    "format_contrasts",
    "format_influence",
    "influence_concentration",
    "top_documents",
    "topic_contrasts",
    "topic_influence",
)
"""Marts that may be named: those that `chosen_bins` can follow, and not the one that grades."""

_TABLE_FUNCTIONS = {"generate_series", "range", "unnest"}
# Scalar functions that read files or the environment.
_FORBIDDEN = {"getenv", "read_blob", "read_text"}


def plain_select(sql: str) -> str:
    """The same query as DuckDB writes it, without comments and semicolons.

    Raises ValueError unless `sql` is one select on READABLE marts.
    """
    import duckdb

    sql.encode()  # half a surrogate pair is a ValueError here, and duckdb's own error later
    with duckdb.connect() as connection:
        serialized = _scalar(connection, "select json_serialize_sql(?)", sql)
        tree = json.loads(serialized)
        if tree["error"]:
            raise ValueError(str(tree["error_message"]))
        if len(tree["statements"]) != 1:
            raise ValueError(f"one select, got {len(tree['statements'])} statements")
        _require_all_harmless(tree, frozenset())
        return _scalar(connection, "select json_deserialize_sql(?)", serialized)


def _scalar(connection: Any, sql: str, argument: str) -> str:
    return str(connection.execute(sql, [argument]).fetchone()[0])


def _require_all_harmless(tree: Any, named: frozenset[str]) -> None:
    """Raise for any part that is not harmless; `named` are the common tables in its scope."""
    if isinstance(tree, dict):
        _require_harmless(tree, named)
        # A name counts where it is known and nowhere else: elsewhere DuckDB would look for a file.
        for part in tree.get("cte_map", {}).get("map", []):
            is_recursive = part["value"]["query_node"]["type"] == "RECURSIVE_CTE_NODE"
            _require_all_harmless(part["value"], named | {part["key"]} if is_recursive else named)
            named = named | {part["key"]}
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if key != "cte_map" and isinstance(value, dict | list):
            _require_all_harmless(value, named)


def _require_harmless(node: dict[str, Any], named: frozenset[str]) -> None:
    if node.get("type") == "BASE_TABLE":
        table, schema = node["table_name"], node["schema_name"]
        is_mart = table in READABLE and schema in ("", "marts")
        if node["catalog_name"] or not (is_mart or (table in named and not schema)):
            raise ValueError(f"{table!r} cannot be read here, only {', '.join(READABLE)}")
    if node.get("type") == "SHOW_REF":
        raise ValueError("show, describe and summarize are not allowed")
    if node.get("type") == "TABLE_FUNCTION":
        name = node["function"]["function_name"]
        if name not in _TABLE_FUNCTIONS:
            raise ValueError(f"the table function {name} is not allowed")
    if node.get("function_name") in _FORBIDDEN:
        raise ValueError(f"the function {node['function_name']} is not allowed")
