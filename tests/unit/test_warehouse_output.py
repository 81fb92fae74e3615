"""A query's rows for people and for tools: whole, aligned, and without heavy imports."""

import json
import subprocess
import sys

import duckdb
import polars as pl
import pytest

from influence_warehouse.errors import WarehouseError
from influence_warehouse.warehouse.output import write_rows

SQL = "select 1::utinyint as n, 0.123456e0 as share, 'a [red]' as topic, [1, 2] as ids, null as gap"


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        yield connection


def test_a_table_shows_values_as_they_are_numbers_to_the_right(connection, capsys):
    write_rows(connection, SQL, "table", None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["n", "┃", "share", "┃", "topic", "┃", "ids", "┃", "gap"]
    assert lines[2].split("│")[:4] == ["1 ", " 0.1235 ", " a [red] ", " [1, 2] "]
    assert lines[-1] == "(1 rows)"


def test_a_table_counts_what_it_leaves_out(connection, capsys):
    write_rows(connection, "select range as n from range(25000)", "table", None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["(25000 rows)", "(24800 more rows; --output csv shows all)"]
    assert [line.strip() for line in lines[2:202]] == [str(n) for n in range(200)]


@pytest.mark.parametrize("output", ["csv", "json", "parquet"])
def test_files_hold_all_rows(connection, tmp_path, output):
    target = tmp_path / f"rows.{output}"
    write_rows(connection, "select range as n from range(300)", output, target)
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "json": _from_json}[output]
    assert read(target)["n"].to_list() == list(range(300))


def _from_json(path) -> pl.DataFrame:
    return pl.DataFrame(json.loads(path.read_text(encoding="utf-8")))


def test_parquet_is_not_for_the_terminal(connection):
    with pytest.raises(WarehouseError, match="--to FILE"):
        write_rows(connection, SQL, "parquet", None)


def test_a_query_of_a_table_loads_no_polars():
    code = (
        "import sys; from influence_warehouse.cli import main; "
        "import influence_warehouse.warehouse.output, influence_warehouse.warehouse.query; "
        "sys.exit(bool({'polars', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
