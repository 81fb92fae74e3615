"""A query's rows for people and for tools: whole, aligned, and without heavy imports."""

import io
import json
import os
import re
import stat
import subprocess
import sys

import duckdb
import polars as pl
import pytest

from influence_warehouse.errors import WarehouseError
from influence_warehouse.warehouse.output import format_of, save
from influence_warehouse.warehouse.output import write_rows as write
from influence_warehouse.warehouse.query import Asked, filtered

SQL = "select 1::utinyint as n, 0.123456e0 as share, 'a [red]' as topic, [1, 2] as ids, null as gap"


def write_rows(connection, sql, output, to):
    write(connection, Asked(sql), output, to)


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


WIDE = "select 'social_facts' as benchmark, 'history_and_geography' as topic, " + ", ".join(
    f"{n}.123456::double as column_{n}" for n in range(12)
)


def test_at_80_columns_nothing_is_cut_and_what_is_left_out_is_named(
    connection, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    write_rows(connection, WIDE, "table", None)
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "history_and_geography" in out and "0.1235" in out and "…" not in out
    shown, left_out = out.split("(1 rows)")
    assert "more columns do not fit in 80" in left_out
    names = [f"column_{n}" for n in range(12)]
    told = set(re.findall(r"column_\d+", left_out))
    assert all((name in shown.split()) != (name in told) for name in names)


def test_a_long_text_takes_several_lines_and_keeps_its_words(connection, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = " ".join(f"word{n}" for n in range(60))
    write_rows(connection, f"select 1 as n, '{text}' as excerpt, 2 as rank", "table", None)
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert all(word in out for word in text.split())
    assert "rank" in out


def test_piped_output_takes_the_width_that_it_is_told(connection, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    write_rows(connection, WIDE, "table", None)
    assert "column_11" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("variables", [{"FORCE_COLOR": "1"}, {"NO_COLOR": "1"}, {}])
def test_neither_files_nor_pipes_hold_colours(connection, tmp_path, capsys, monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    write_rows(connection, "select 1 as n", "table", tmp_path / "f.txt")
    write_rows(connection, "select 1 as n", "table", None)
    assert "\x1b" not in (tmp_path / "f.txt").read_text() + capsys.readouterr().out


def test_escapes_of_data_are_shown_and_not_obeyed(connection, capsys):
    write_rows(connection, "select 'a\x1b[31mred\x9b\u202eb' as x", "table", None)
    assert "a\\x1b[31mred\\x9b\\u202eb" in capsys.readouterr().out


def test_sums_are_numbers_in_json(connection, capsys):
    sql = "select sum(range) as n, 9223372036854775807::hugeint * 4 as big from range(9)"
    write_rows(connection, sql, "json", None)
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"n": 36, "big": pytest.approx(4 * 2.0**63)}


def test_nested_values_are_json_in_csv(connection, capsys):
    sql = (
        "select [1, 2] as l, {'a': 'x'} as s, map {'k': 1} as m, interval 1 day as i, "
        "'ab'::blob as b, ['a', null] as t"
    )
    write_rows(connection, sql, "csv", None)
    row = pl.read_csv(io.BytesIO(capsys.readouterr().out.encode())).row(0, named=True)
    assert json.loads(row["l"]) == [1, 2] and json.loads(row["s"]) == {"a": "x"}
    assert json.loads(row["m"]) == {"k": 1} and json.loads(row["t"]) == ["a", None]
    assert (row["i"], row["b"]) == ("1 day", "ab")
    write_rows(connection, sql, "json", None)
    (read,) = json.loads(capsys.readouterr().out)
    assert read["l"] == [1, 2] and read["s"] == {"a": "x"} and read["i"] == "1 day"


def test_the_files_ending_tells_the_format(tmp_path):
    assert format_of(None, tmp_path / "a.PARQUET") == "parquet"
    assert format_of(None, tmp_path / "a.txt") == format_of(None, None) == "table"
    assert format_of("csv", tmp_path / "a.txt") == format_of("csv", tmp_path / "a.csv") == "csv"
    with pytest.raises(WarehouseError, match="leave one of them out"):
        format_of("csv", tmp_path / "a.json")


def test_a_link_is_followed_and_stays_one(tmp_path):
    target, link = tmp_path / "folder" / "rows.csv", tmp_path / "link.csv"
    target.parent.mkdir()
    target.write_text("old")
    link.symlink_to(target)
    save(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    save(pipe, b"rows")
    assert reader.communicate(timeout=20)[0] == b"rows"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("redirected", [True, False])
def test_dev_stdout_is_where_the_output_goes(tmp_path, redirected):
    code = (
        "import sys; from pathlib import Path\n"
        "from influence_warehouse.warehouse.output import save\n"
        "print('before', flush=True); save(Path('/dev/stdout'), b'rows'); print('after')"
    )
    target = tmp_path / "out"
    with target.open("w") as stream:
        out = stream if redirected else subprocess.PIPE
        done = subprocess.run([sys.executable, "-c", code], stdout=out, check=True, text=True)
    assert (target.read_text() if redirected else done.stdout) == "before\nrowsafter\n"


def test_values_of_columns_keep_rows(connection):
    sql = "-- a\nselect 'a' || range as name, range as n from range(3) order by n desc; -- end"
    asked = filtered(connection, sql, {"name": "a1"})
    assert connection.execute(asked.sql, asked.values).fetchall() == [("a1", 1)]
    hostile = filtered(connection, sql, {"name": "' or true --"})
    assert connection.execute(hostile.sql, hostile.values).fetchall() == []
    with pytest.raises(WarehouseError, match="did you mean name"):
        filtered(connection, sql, {"nme": "a"})
    with pytest.raises(WarehouseError, match="one `select`"):
        filtered(connection, "select 1 as a; select 2 as a", {"a": "1"})
