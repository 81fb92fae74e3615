"""The Dagster side: unbroken lineage, one graph in library and UI, checks that block."""

import os
import subprocess
import sys

import pytest

from influence_warehouse.contracts import CONTRACTS
from influence_warehouse.reports.names import CHARTS
from influence_warehouse.steps import steps
from tests.end_to_end.conftest import SmallWorld

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def graph(world: SmallWorld):
    """The asset graph of the small study; its code location reads the environment once."""
    os.environ["INFLUENCE_STUDY"] = str(world.file)
    os.environ["INFLUENCE_WAREHOUSE"] = str(world.root)
    from dagster_project.definitions import defs

    return defs.resolve_asset_graph()


def _names(keys) -> set[str]:
    return {key.to_user_string() for key in keys}


def test_lineage_runs_from_the_corpus_to_every_chart(graph):
    import dagster as dg

    upstream = _names(dg.AssetSelection.assets("chart_topic_contrast").upstream().resolve(graph))
    assert upstream >= set(CONTRACTS) - {"shard_proponents", "shard_bin_item_scores"}
    assert upstream >= {"planted_documents", "planted_model", "bin_influence", "influence_duckdb"}
    for name in CHARTS:
        downstream = dg.AssetSelection.assets("planted_documents").downstream().resolve(graph)
        assert f"chart_{name}" in _names(downstream)


def test_the_graph_is_the_librarys_steps(graph, world: SmallWorld):
    import dagster as dg

    for step in steps(world.study):
        for fact in step.facts:
            node = graph.get(dg.AssetKey(fact))
            assert node.group_name == step.stage
            assert _names(node.parent_keys) == set(step.needs), fact


def test_the_library_imports_no_dagster():
    code = (
        "import pkgutil, importlib, sys, influence_warehouse as p\n"
        "for m in pkgutil.walk_packages(p.__path__, 'influence_warehouse.'):\n"
        "    importlib.import_module(m.name)\n"
        "sys.exit('dagster' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_blocking_checks_cover_every_expectation(graph):
    import dagster as dg

    from influence_warehouse.sampling.expectations import EXPECTATION_NAMES

    checks = {
        key.name for key in graph.get_check_keys_for_assets({dg.AssetKey("sampling_manifest")})
    }
    assert checks == set(EXPECTATION_NAMES)
