"""The marts from facts in object storage: dbt reads objects as it reads files."""

import pytest

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.facts_place import keep_facts_at
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from tests.mart_comparison import TOLERANCE, differences
from tests.synthetic import synthetic_lake


@pytest.mark.slow
def test_marts_are_those_from_files(tmp_path, bucket, monkeypatch):
    sizes: dict = {"planted": False, "documents": 400, "resamples": 100}
    files = synthetic_lake(tmp_path / "files", **sizes)
    home = Home(tmp_path / "objects", files.study.name)
    keep_facts_at(home, bucket)
    objects = synthetic_lake(tmp_path / "objects", **sizes)
    assert not list(home.path.rglob("*.parquet"))
    for world in (files, objects):
        assert set(build_warehouse(world.study, Lake(world.home))["nodes"]) == {"success", "pass"}
        publish(world.home, world.study)
    # What is published needs no storage.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    compared = list(differences(files.home.database, objects.home.database))
    assert len({mart for mart, _, _ in compared}) > 15
    # Parallel sums of doubles may differ in the last place.
    assert max(difference for _, _, difference in compared) < TOLERANCE
