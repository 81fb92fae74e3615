"""Start-up: what a person waits for before anything happens. See docs/performance.md."""

import os
import subprocess
import sys

import pytest

from influence_warehouse.lake.layout import Home
from influence_warehouse.study.load import load_study
from influence_warehouse.warehouse.dbt_manifest import prepare_manifest
from tests.bench.side_by_side import ROOT, side_by_side

CLI = "from influence_warehouse.cli import main; main()"


def python(code: str, *arguments: str, **environment: str):
    """An action that runs code in a fresh Python."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    variables = {**os.environ, "PYTHONPATH": paths, **environment}
    command = [sys.executable, "-c", code, *arguments]

    def run() -> None:
        subprocess.run(command, env=variables, check=True, capture_output=True)

    return run


def test_help(benchmark):
    alternatives = {
        "bare Python": python("pass"),
        "influence --help": python(CLI, "--help"),
    }
    side_by_side(benchmark, "Start: help", alternatives, rounds=5, seconds=0.3)


def test_query(benchmark, tmp_path):
    import duckdb

    home = Home(tmp_path, "demo")
    home.create()
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.bins as select range as bin_id from range(576)")
    query = ("--warehouse", str(tmp_path), "query", "select count(*) from bins")
    alternatives = {
        "importing duckdb, polars, pyarrow": python("import duckdb, polars, pyarrow"),
        "influence query": python(CLI, *query),
    }
    side_by_side(benchmark, "Start: query", alternatives, rounds=5, seconds=1.0)


@pytest.fixture
def parsed(tmp_path):
    home = Home(tmp_path, "demo")
    home.create()
    prepare_manifest(home, load_study("demo"))
    return str(tmp_path)


def test_definitions(benchmark, parsed):
    variables = {"INFLUENCE_WAREHOUSE": parsed, "INFLUENCE_STUDY": "demo"}
    alternatives = {
        "importing dagster, dagster_dbt": python("import dagster, dagster_dbt"),
        "loading the definitions": python("import dagster_project.definitions", **variables),
    }
    side_by_side(benchmark, "Start: definitions", alternatives, rounds=3, seconds=5.0)
