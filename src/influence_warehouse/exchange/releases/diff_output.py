"""A comparison as text for people and as JSON for programs.

Does not belong here: comparing (`diff`, `ranks`).
"""

import json
from collections.abc import Iterator
from dataclasses import asdict

from influence_warehouse.exchange.releases.diff import Difference, TableDifference
from influence_warehouse.exchange.releases.ranks import TOP, RankChange


def as_json(difference: Difference) -> str:
    """All of a comparison, equal tables included."""
    content = {"is_equal": difference.is_equal, **asdict(difference)}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def as_text(difference: Difference) -> str:
    """What differs, table by table, then what moved; one line when nothing does."""
    return "\n".join(_lines(difference)) + "\n"


def _lines(difference: Difference) -> Iterator[str]:
    a, b = difference.labels
    allowed = f"within {difference.tolerance:g}" if difference.tolerance else "exactly"
    yield f"A = {a}, B = {b}; values compared {allowed}"
    for label, names in zip("AB", difference.tables_only_in, strict=True):
        if names:
            yield f"tables only in {label}: {', '.join(names)}"
    equal = 0
    for table in difference.tables:
        if table.is_equal:
            equal += 1
        else:
            yield from _table_lines(table)
    yield f"{equal} of {len(difference.tables)} shared tables are equal"
    for change in difference.ranks:
        yield from _rank_lines(change)
    if not any(change.movers for change in difference.ranks) and difference.ranks:
        yield "no region changes its rank"


def _table_lines(table: TableDifference) -> Iterator[str]:
    rows = f"{table.rows[0]:,} rows"
    if table.rows[0] != table.rows[1]:
        rows = f"{table.rows[0]:,} rows in A, {table.rows[1]:,} in B"
    what = "keys" if table.key else "whole rows (no key is unique)"
    yield f"{table.name}: {rows}; {what} only in A {table.only_in[0]:,}, in B {table.only_in[1]:,}"
    for label, names in zip("AB", table.columns_only_in, strict=True):
        if names:
            yield f"  columns only in {label}: {', '.join(names)}"
    for name, (a, b) in table.types.items():
        yield f"  {name}: type {a} in A, {b} in B"
    for column in table.values:
        largest = "" if column.largest is None else f", at most by {column.largest:.6g}"
        yield f"  {column.name}: {column.rows:,} values differ{largest}"


def _rank_lines(change: RankChange) -> Iterator[str]:
    if not (change.movers or change.enters or change.leaves):
        return
    spearman = "unknown" if change.spearman is None else f"{change.spearman:.4f}"
    of = ", ".join(name for name in (change.model, change.method, change.benchmark) if name)
    yield f"ranks of {change.n_regions} {change.level}s, {of}: Spearman {spearman}"
    for region, a, b in change.movers:
        yield f"  {region}: {a} -> {b}"
    for verb, regions in (("enter", change.enters), ("leave", change.leaves)):
        if regions:
            yield f"  {verb} the first {TOP}: {', '.join(regions)}"
