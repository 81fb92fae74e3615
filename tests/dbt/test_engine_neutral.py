"""Models say what every engine of docs/engines.md understands; the rest is dispatched.

A new function is first tried on Spark (`make test-spark`), then listed here.
"""

import re
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest
import sqlglot
from sqlglot import exp

from influence_warehouse.warehouse.build import dbt_folder, dbt_project_folder

# With equal results on both engines.
SHARED_FUNCTIONS = {
    "ABS", "AVG", "CAST", "CEIL", "COALESCE", "CORR", "COUNT", "COVAR_SAMP", "EXISTS", "EXP",
    "GREATEST", "LEAST", "LEFT", "LN", "MAX", "MIN", "NULLIF", "POWER", "RANK", "ROUND",
    "ROW_NUMBER", "SQRT", "STDDEV_SAMP", "SUM", "VARIANCE",
}  # fmt: skip
# Syntax that the parser counts as functions.
SYNTAX = {"AND", "OR", "CASE", "IF"}
# What dispatched macros write for DuckDB, and how a source reads its files.
DISPATCHED = {"PERCENTILE_CONT", "GROUP_CONCAT", "REGEXP_REPLACE", "TRIM", "LENGTH", "READ_PARQUET"}
# Each is missing in some engine, or means something else there.
FORBIDDEN = (
    exp.Qualify, exp.Lambda, exp.Bracket, exp.Pivot, exp.Unnest, exp.Lateral, exp.IntDiv, exp.Mod,
    exp.ILike, exp.Interval, exp.Values, exp.Filter,
)  # fmt: skip


def _statements(home, part: str) -> list[tuple[str, exp.Expression]]:
    folder: Path = dbt_folder(home) / "compiled" / "influence" / part
    paths = sorted(folder.rglob("*.sql"))
    assert paths
    return [
        (path.name, sqlglot.parse_one(path.read_text(encoding="utf-8"), read="duckdb"))
        for path in paths
    ]


def _problems(statement: exp.Expression) -> set[str]:
    found = set()
    for node in statement.walk(prune=lambda node: _function(node) == "READ_PARQUET"):
        name = _function(node)
        if name and name not in SHARED_FUNCTIONS | SYNTAX | DISPATCHED:
            found.add(f"function {name}")
        if isinstance(node, FORBIDDEN):
            found.add(f"{type(node).__name__}: {node.sql('duckdb')}")
        if isinstance(node, exp.Distinct) and node.args.get("on"):
            found.add("distinct on")
        if isinstance(node, exp.Join) and node.args.get("using"):
            found.add("join using")
        if isinstance(node, exp.Star) and node.sql("duckdb", comments=False) != "*":
            found.add(node.sql("duckdb"))
    return found


def _function(node: exp.Expression) -> str | None:
    if isinstance(node, exp.Anonymous):
        return node.name.upper()
    return node.sql_name().upper() if isinstance(node, exp.Func) else None


@pytest.mark.parametrize("part", ["models", "tests"])
def test_compiled_sql_keeps_to_what_the_engines_share(world, part):
    problems = {name: _problems(statement) for name, statement in _statements(world.home, part)}
    assert {name: found for name, found in problems.items() if found} == {}


@pytest.mark.parametrize(
    "sql",
    [
        "select a from t qualify row_number() over (order by a) = 1",
        "select distinct on (a) a, b from t",
        "select * exclude (a) from t",
        "select a from t join u using (a)",
        "select list_transform(a, lambda x: x + 1) from t",
        "select a // 2, a % 2 from t",
        "select median(a) from t",
        "select count(*) filter (where a > 0) from t",
    ],
)
def test_what_one_engine_alone_understands_is_found(sql):
    assert _problems(sqlglot.parse_one(sql, read="duckdb"))


@pytest.mark.parametrize(
    ("sql", "spoken"),
    [
        ("cast(a as double precision)", "cast(a as double)"),
        ("cast(a as DOUBLE\n  PRECISION)", "cast(a as double)"),
        (
            "cast(null as varchar), cast(b as varchar(3))",
            "cast(null as string), cast(b as varchar(3))",
        ),
        ('facts."row" as a', "facts.`row` as a"),
        ("1.0 / n + 2 - 1e-9 - 1.5e-3", "1.0D / n + 2 - 1e-9 - 1.5e-3"),
        ("a1.b2 = 0.5", "a1.b2 = 0.5D"),
        ("'varchar 0.5 \"x\" -- it''s', 0.5", "'varchar 0.5 \"x\" -- it''s', 0.5D"),
        ("a -- a varchar's 0.5\n+ 0.5", "a -- a varchar's 0.5\n+ 0.5D"),
    ],
)
def test_spark_is_told_the_same_in_its_own_words(sql, spoken):
    environment = jinja2.Environment(autoescape=False)  # of SQL, not of HTML
    environment.globals |= {"modules": SimpleNamespace(re=re), "return": lambda value: value}
    source = (dbt_project_folder() / "macros" / "spark.sql").read_text(encoding="utf-8")
    assert environment.from_string(source).make_module().spark_words(sql).strip() == spoken
