"""SQL that a study file brings: one `select` on marts of influence, nothing else.

Such SQL becomes part of a dbt model, which runs with the rights of the build. So it may name
no table but those marts, no function but those of a list, and no second statement. Does not
belong here: analysts' own queries, which run in a locked connection (query).
"""

import difflib
import json
from typing import Any

from influence_warehouse.study.statement_tree import require_reading, tree_of

READABLE = (
    "benchmark_correlations",
    "benchmark_correlations_by_correctness",
    "benchmarks",
    "bin_contrasts",
    "bin_contrasts_by_correctness",
    "bin_influence",
    "bin_influence_by_correctness",
    "bins",
    "document_influence",
    "format_contrasts",
    "format_contrasts_by_correctness",
    "format_influence",
    "format_influence_by_correctness",
    "influence_concentration",
    "influence_concentration_by_correctness",
    "top_documents",
    "topic_contrasts",
    "topic_contrasts_by_correctness",
    "topic_influence",
    "topic_influence_by_correctness",
)
"""Marts that may be named: those that `chosen_bins` can follow, and not the one that grades."""

_TABLE_FUNCTIONS = {"range"}

# As DuckDB names operators; `~~` is like, `~~*` is ilike.
_PORTABLE = """
+ - * / % || ~~ !~~ ~~* !~~*
any_value avg bool_and bool_or corr count count_star covar_pop covar_samp max max_by median min
min_by stddev stddev_pop stddev_samp sum var_pop var_samp variance
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number
abs ceil ceiling exp floor greatest isnan least ln log10 log2 mod pow power round sign sqrt
coalesce ifnull nullif
concat concat_ws contains left length lower lpad ltrim replace reverse right rpad rtrim substr
substring trim upper
"""
_FUNCTIONS = frozenset(_PORTABLE.split())
"""Functions that may be called: those that DuckDB and Spark both have, with one meaning."""


def plain_select(sql: str) -> str:
    """The same query as DuckDB writes it, without comments and semicolons.

    Raises ValueError unless `sql` is one select on READABLE marts, with functions that both
    engines have.
    """
    import duckdb

    sql.encode()  # half a surrogate pair is a ValueError here, and duckdb's own error later
    with duckdb.connect() as connection:
        tree = tree_of(connection, sql)
        if len(tree["statements"]) != 1:
            raise ValueError(f"one select, got {len(tree['statements'])} statements")
        require_reading(tree)
        _require_all_harmless(tree, frozenset())
        written = connection.execute("select json_deserialize_sql(?)", [json.dumps(tree)])
        return str(written.fetchall()[0][0])


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
    elif "function_name" in node:
        _require_known_function(node)


def _require_known_function(node: dict[str, Any]) -> None:
    name = node["function_name"]
    if name in _TABLE_FUNCTIONS | _FUNCTIONS and not (node.get("schema") or node.get("catalog")):
        return
    close = difflib.get_close_matches(name, _FUNCTIONS, n=3)
    known = ", ".join(close or sorted(f for f in _FUNCTIONS if f.replace("_", "").isalnum()))
    raise ValueError(f"the function {name} is not allowed, as not both engines have it: {known}")
