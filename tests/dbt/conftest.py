"""One real dbt build of the synthetic lake, shared by all tests of this folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from tests.built_once import built_once
from tests.synthetic import METHOD, SyntheticLake, synthetic_lake
from tests.synthetic_methods import (
    KIN,
    RANDOM,
    methods_lake,
    with_methods,
    with_methods_choosing,
    write_damages,
)
from tests.synthetic_retraining import SyntheticRetraining, with_kind, write_retraining_facts
from tests.synthetic_unlearning import SyntheticUnlearning, write_unlearning_facts


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> SyntheticLake:
    """The synthetic lake, built by dbt with all its tests and published."""

    def build(folder: Path) -> SyntheticLake:
        return _built(synthetic_lake(folder))

    folder, world = built_once(tmp_path_factory, "synthetic", build)
    return world.moved_to(folder)


@pytest.fixture(scope="session")
def query(world) -> Callable[[str], pl.DataFrame]:
    """Rows of a query on the published marts."""
    return lambda sql: run_query(world.home, sql)


@pytest.fixture(scope="session")
def truth(tmp_path_factory) -> SyntheticUnlearning:
    """Drawn runs on a synthetic lake, built by dbt with all its tests and published."""

    def build(folder: Path) -> SyntheticUnlearning:
        lake = synthetic_lake(folder, documents=600, items=30, resamples=100)
        truth = write_unlearning_facts(lake)
        _built(truth.world)
        return truth

    folder, truth = built_once(tmp_path_factory, "unlearning", build)
    return replace(truth, world=truth.world.moved_to(folder))


@pytest.fixture(scope="session")
def compared(tmp_path_factory) -> SyntheticLake:
    """Three methods on a synthetic lake, two of which choose regions; built and published."""

    def build(folder: Path) -> SyntheticLake:
        world = methods_lake(folder, (METHOD, KIN, RANDOM), documents=2400)
        world = with_methods_choosing(world, min_methods=2, max_q=0.2)
        write_damages(world)
        return _built(world)

    folder, world = built_once(tmp_path_factory, "compared", build)
    return world.moved_to(folder)


@pytest.fixture(scope="session")
def retrained(tmp_path_factory) -> SyntheticRetraining:
    """Three methods graded on a synthetic lake, whose first one's regions are forgotten, too."""

    def build(folder: Path) -> SyntheticRetraining:
        lake = synthetic_lake(folder, documents=1200, resamples=100)
        unlearned = write_unlearning_facts(lake).world
        truth = write_retraining_facts(
            with_kind(with_methods(unlearned, (METHOD, KIN, RANDOM)), KIN, "bm25")
        )
        _built(truth.world)
        return truth

    folder, truth = built_once(tmp_path_factory, "retrained", build)
    return replace(truth, world=truth.world.moved_to(folder))


def _built(world: SyntheticLake) -> SyntheticLake:
    report = build_warehouse(world.study, world.lake)
    assert set(report["nodes"]) == {"success", "pass"}
    publish(world.home, world.study)
    return world
