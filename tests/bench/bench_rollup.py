"""From scores of documents to the marts of influence. See docs/performance.md."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from influence_warehouse.lake.facts import Lake
from influence_warehouse.warehouse.build import dbt_environment
from influence_warehouse.warehouse.dbt_manifest import manifest_path, run_dbt
from tests.bench.side_by_side import own_process, side_by_side
from tests.bench.worlds import rollup_lake

DOCUMENTS = int(os.environ.get("BENCH_DOCUMENTS", 5_680_000))
# Times as many documents for the growth, with 6 GB of disk.
GROWTH = int(os.environ.get("BENCH_GROWTH", 10))
_INFLUENCE = ("bin_influence", "topic_influence", "format_influence")
_BY_REGION = (
    *_INFLUENCE,
    *("bin_contrasts", "topic_contrasts", "format_contrasts"),
    # benchmark_correlations without leaving out bins and topics: that costs what the taxonomy makes
    # it cost, whatever the corpus.
    *("int_correlations", "influence_concentration"),
)
_BY_DOCUMENT = ("document_influence", "bins", "top_documents")
_PARTS = {"influence": _INFLUENCE, "regions": _BY_REGION, "documents": _BY_DOCUMENT}


def compiled(lake: Lake, folder: Path) -> dict[str, Path]:
    """A file of statements for each part: the models that it names and all that they read.

    The facts of inference are empty, so that only what SQL computes counts.
    """
    lake.home.create()
    run_dbt(dbt_environment(lake.home, None), "compile", "--exclude", "tag:unlearning")
    nodes = json.loads(manifest_path(lake.home).read_text(encoding="utf-8"))["nodes"]
    models = {
        key: node
        for key, node in nodes.items()
        if node["resource_type"] == "model" and "unlearning" not in node["tags"]
    }
    files = {}
    for name, names in _PARTS.items():
        files[name] = folder / name / "statements.json"
        files[name].parent.mkdir(parents=True)
        rows = [_statement(models, key) for key in _with_ancestors(models, names)]
        files[name].write_text(json.dumps(rows), encoding="utf-8")
    return files


def _statement(models: dict, key: str) -> tuple[str, str, str, list[str]]:
    """Relation, materialization, SQL, and the relations that it reads."""
    node = models[key]
    needs = [_relation(models[need]) for need in node["depends_on"]["nodes"] if need in models]
    sql = node["compiled_code"].replace('"build".', "")
    return _relation(node), node["config"]["materialized"], sql, needs


def _relation(node: dict) -> str:
    return f"{node['schema']}.{node['name']}"


def _with_ancestors(models: dict, names: Iterable[str]) -> list[str]:
    """Keys of the models of these names and of all that they need, each after its parents."""
    done: list[str] = []

    def visit(key: str) -> None:
        if key in models and key not in done:
            for parent in models[key]["depends_on"]["nodes"]:
                visit(parent)
            done.append(key)

    for key in sorted(models):
        if models[key]["name"] in names:
            visit(key)
    return done


@dataclass(frozen=True)
class World:
    """A lake of scored documents and the statements to run on it."""

    claim: str
    documents: int
    lake: Path
    files: dict[str, Path]


@pytest.fixture(scope="module")
def world(request, tmp_path_factory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("rollup")
    documents = request.param * DOCUMENTS
    lake = rollup_lake(folder, documents)
    claim = f"Roll-up of {documents:,} documents x 4 benchmarks"
    yield World(claim, documents, lake.home.lake, compiled(lake, folder))
    shutil.rmtree(folder)


@pytest.mark.parametrize("world", [1, GROWTH], indirect=True)
def test_marts_of_influence(benchmark, world):
    alternatives = {
        "bare scan and aggregate": own_process("duckdb_aggregate", world.lake),
        "influence by bin, topic, format": own_process(
            "marts", world.lake, world.files["influence"]
        ),
        "with contrasts, correlations, concentration": own_process(
            "marts", world.lake, world.files["regions"]
        ),
    }
    if world.documents <= DOCUMENTS:  # ten times as many would take pandas 33 GB
        alternatives["pandas"] = own_process("pandas_rollup", world.lake)
    side_by_side(benchmark, world.claim, alternatives, at_most=1.5, peak_mb=3072)


@pytest.mark.parametrize("world", [1], indirect=True)
def test_marts_by_document(benchmark, world):
    alternatives = {
        "bare scan and aggregate": own_process("duckdb_aggregate", world.lake),
        "marts by document": own_process("marts", world.lake, world.files["documents"]),
    }
    side_by_side(benchmark, world.claim, alternatives, rounds=1, peak_mb=3072)
