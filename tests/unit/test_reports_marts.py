"""What charts and summary read is what the marts' contracts promise."""

import io

import duckdb
import pytest
import yaml
from rich.console import Console

from influence_warehouse.lake.layout import Home
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.gallery import chart_of
from influence_warehouse.reports.published import read_table
from influence_warehouse.reports.summary import print_summary
from tests import report_tables
from tests.conftest import ROOT


def _contracts() -> dict[str, dict[str, str]]:
    """Columns with types of each mart, from the files beside its SQL."""
    models = [
        model
        for path in sorted((ROOT / "dbt" / "models" / "marts").rglob("*.yml"))
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    ]
    return {
        model["name"]: {column["name"]: column["data_type"] for column in model["columns"]}
        for model in models
    }


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory) -> Home:
    """A published copy with every mart of the contracts, and no rows."""
    home = Home(tmp_path_factory.mktemp("warehouse"), "demo")
    home.create()
    with duckdb.connect(str(home.database)) as connection:
        connection.execute("create schema marts")
        for mart, columns in _contracts().items():
            listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
            connection.execute(f"create table marts.{mart} ({listed})")
    return home


@pytest.mark.parametrize("name", CHARTS)
def test_each_charts_statement_fits_the_contracts(empty_home, name):
    assert read_table(empty_home, chart_of(name).sql).is_empty()


def test_the_summary_fits_the_contracts(empty_home):
    with duckdb.connect(str(empty_home.database)) as connection:
        connection.execute("insert into marts.bins (sampled_documents, population_documents)"
                           " values (1, 2)")  # fmt: skip
    output = io.StringIO()
    print_summary(empty_home, "demo", Console(width=80, file=output))
    assert "1 of 2 documents" in output.getvalue()


def test_the_tables_of_these_tests_have_columns_of_the_contracts():
    contracts = _contracts()
    for mart, frame in report_tables.marts().items():
        assert set(frame.columns) <= set(contracts[mart])
