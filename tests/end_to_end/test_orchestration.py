"""The Dagster side: unbroken lineage, one graph in library and UI, checks that block."""

import os
import subprocess
import sys
from itertools import pairwise

import pytest

from influence_warehouse.pipeline.steps import steps
from influence_warehouse.reports.charts import CHARTS, RETRAINING_CHARTS
from tests.end_to_end.conftest import SmallWorld
from tests.manifest_damages import DAMAGES, Damaged, honest_manifest
from tests.ui_page import ask, started_page

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


def test_lineage_runs_from_the_corpus_to_every_chart(graph, world: SmallWorld):
    import dagster as dg

    upstream = _names(dg.AssetSelection.assets("chart_unlearning_damage").upstream().resolve(graph))
    # Batches are for trainings that are done again; nothing is retrained here.
    made = {fact for step in steps(world.study) for fact in step.facts}
    assert made - upstream == {"training_batches"}
    assert upstream >= {"planted_documents", "planted_model", "bin_influence", "influence_duckdb"}
    for name in CHARTS.keys() - {*RETRAINING_CHARTS}:
        downstream = dg.AssetSelection.assets("planted_documents").downstream().resolve(graph)
        assert f"chart_{name}" in _names(downstream)
    assert {f"chart_{name}" for name in CHARTS} | {"influence_duckdb"} == _names(
        graph.get(dg.AssetKey("report")).parent_keys
    )


def test_the_loop_is_unbroken_from_tables_to_runs_and_back(graph):
    """marts -> plan -> sets -> unlearned models -> predictions -> damage -> charts."""
    path = ["bin_influence", "chosen_bins", "unlearning_plan", "forget_sets", "unlearned_models"]
    path += ["unlearned_predictions", "stg_unlearned_predictions", "int_unlearning_item_damage"]
    path += ["unlearning_damage", "influence_duckdb", "chart_unlearning_damage"]
    import dagster as dg

    for parent, child in pairwise(path):
        assert parent in _names(graph.get(dg.AssetKey(child)).parent_keys), (parent, child)


def test_after_a_complete_run_nothing_is_behind_what_it_is_made_from(world, tmp_path):
    """Dagster compares the data versions; the page asks it as a person would see it."""
    query = """{ assetNodes { assetKey { path } isMaterializable isPartitioned
        staleStatus staleCauses { key { path } reason } } }"""
    with started_page(tmp_path, world.file, world.root) as port:
        nodes = ask(port, query)["data"]["assetNodes"]
    made = {node["assetKey"]["path"][-1]: node for node in nodes if node["isMaterializable"]}
    assert {f"chart_{name}" for name in CHARTS} | {"report", "bin_influence"} <= set(made)
    behind = {
        name: [(cause["key"]["path"][-1], cause["reason"]) for cause in node["staleCauses"]]
        for name, node in made.items()
        if node["staleStatus"] != "FRESH" and not node["isPartitioned"]
    }
    assert behind == {}


def test_the_graph_is_the_librarys_steps(graph, world: SmallWorld):
    import dagster as dg

    for step in steps(world.study):
        for fact in step.facts:
            node = graph.get(dg.AssetKey(fact))
            assert node.group_name == step.stage
            assert _names(node.parent_keys) == set(step.upstream), fact


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

    from influence_warehouse.sampling import expectations as sampling
    from influence_warehouse.unlearning import expectations as unlearning

    for asset, suite in {"sampling_manifest": sampling, "forget_sets": unlearning}.items():
        keys = graph.get_check_keys_for_assets({dg.AssetKey(asset)})
        assert {key.name for key in keys} == set(suite.EXPECTATION_NAMES)
        assert all(graph.get_check_spec(key).blocking for key in keys)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_model):
    return honest_manifest(tmp_path_factory.mktemp("whole"), tiny_model)


def start_attribution(damaged: Damaged, monkeypatch):
    """Run the manifest's assets and checks and the preconditioner on a damaged lake."""
    import dagster as dg

    from dagster_project import resources
    from dagster_project.definitions import defs
    from dagster_project.settings import Settings

    method = damaged.study.method.model_copy(update={"projection_dim": 2})
    attribution = damaged.study.attribution.model_copy(
        update={"token_batch_size": 512, "methods": (method,)}
    )
    study = damaged.study.model_copy(update={"attribution": attribution})
    settings = Settings(study.name, study, damaged.lake.home)
    monkeypatch.setattr(resources, "settings", lambda: settings)
    selected = ["sampling_manifest", "bin_populations", "gradient_diagnosis", "method_preparation"]
    return defs.resolve_job_def("prepare").execute_in_process(
        asset_selection=[dg.AssetKey(asset) for asset in selected], raise_on_error=False
    )


@pytest.mark.parametrize("name", DAMAGES)
def test_attribution_does_not_start_on_a_damaged_manifest(
    graph, whole, tmp_path, monkeypatch, name
):
    damaged = Damaged(*whole, tmp_path)
    DAMAGES[name](damaged)
    result = start_attribution(damaged, monkeypatch)
    checks = result.get_asset_check_evaluations()
    assert {check.check_name for check in checks if not check.passed} == {name}
    assert not result.success
    assert not (damaged.lake.home.work / "method_preparation").exists()


def test_attribution_starts_on_an_honest_manifest(graph, whole, tmp_path, monkeypatch):
    honest = Damaged(*whole, tmp_path)
    assert start_attribution(honest, monkeypatch).success
    assert (honest.lake.home.work / "method_preparation").exists()
