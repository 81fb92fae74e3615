"""One real dbt build of the synthetic lake, shared by all tests of this folder."""

from collections.abc import Callable

import polars as pl
import pytest

from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from tests.synthetic import SyntheticLake, synthetic_lake
from tests.synthetic_unlearning import SyntheticUnlearning, write_unlearning_facts


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> SyntheticLake:
    """The synthetic lake, built by dbt with all its tests and published."""
    world = synthetic_lake(tmp_path_factory.mktemp("warehouse"))
    report = build_warehouse(world.study, world.lake)
    assert set(report["nodes"]) == {"success", "pass"}
    publish(world.home, world.study)
    return world


@pytest.fixture(scope="session")
def query(world) -> Callable[[str], pl.DataFrame]:
    """Rows of a query on the published marts."""
    return lambda sql: run_query(world.home, sql)


@pytest.fixture(scope="session")
def truth(tmp_path_factory) -> SyntheticUnlearning:
    """Drawn runs on a synthetic lake, built by dbt with all its tests and published."""
    folder = tmp_path_factory.mktemp("unlearning")
    truth = write_unlearning_facts(synthetic_lake(folder, documents=600, items=30, resamples=100))
    report = build_warehouse(truth.world.study, truth.world.lake)
    assert set(report["nodes"]) == {"success", "pass"}
    publish(truth.world.home, truth.world.study)
    return truth
