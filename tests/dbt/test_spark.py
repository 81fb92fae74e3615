"""The same marts on Apache Spark as on DuckDB. Needs the extra `spark`: `make test-spark`."""

import json

import duckdb
import pytest
from polars.testing import assert_frame_equal

from influence_warehouse.warehouse.build import build_warehouse, dbt_folder
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from influence_warehouse.warehouse.spark_marts import collect_marts
from tests.mart_comparison import TOLERANCE, differences

pytest.importorskip("dbt.adapters.spark", reason="the extra `spark` is not installed")
pytest.importorskip("pyspark", reason="the extra `spark` is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def built(truth):
    """The marts that Spark made of the same lake, in one file."""
    build_warehouse(truth.world.study, truth.world.lake, "spark")
    return collect_marts(truth.world.home)


def test_every_model_and_data_test_of_duckdb_passes_on_spark(built, truth):
    here, there = (_statuses(truth.world.home, target) for target in ("duckdb", "spark"))
    assert here == there
    assert set(there.values()) == {"success", "pass"}


def _statuses(home, target: str) -> dict[str, str]:
    results = dbt_folder(home, target) / "run_results.json"
    nodes = json.loads(results.read_text(encoding="utf-8"))["results"]
    return {node["unique_id"]: node["status"] for node in nodes}


def test_every_mart_is_equal(built, truth):
    found = {
        f"{mart}.{column}": difference
        for mart, column, difference in differences(truth.world.home.build_database, built)
    }
    assert {name: value for name, value in found.items() if value > TOLERANCE} == {}
    assert len(found) > 100
    # Two engines that add in another order cannot agree in every bit: nothing is compared
    # with itself.
    assert max(found.values()) > 0


def test_a_build_on_spark_can_be_published(built, truth):
    home, study = truth.world.home, truth.world.study
    before = run_query(home, "top_topics")
    assert before.height
    publish(home, study, built)
    assert_frame_equal(run_query(home, "top_topics"), before, rel_tol=TOLERANCE, abs_tol=0)
    with duckdb.connect(str(home.database), read_only=True) as connection:
        described = connection.execute(
            "select count(*) from duckdb_columns() where schema_name = 'marts' and comment = ''"
        ).fetchone()
    assert described == (0,)
