"""From scores of documents to the marts of influence. See docs/performance.md."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from influence_warehouse.facts import Lake
from influence_warehouse.warehouse.build import dbt_environment
from influence_warehouse.warehouse.manifest import manifest_path, run_dbt
from tests.bench.side_by_side import own_process, side_by_side
from tests.bench.worlds import rollup_lake

DOCUMENTS = int(os.environ.get("BENCH_DOCUMENTS", 5_680_000))
# Times as many documents for the growth: 10 needs 10 GB of disk and minutes more.
GROWTH = int(os.environ.get("BENCH_GROWTH", 0))
_BY_REGION = (
    *("bin_influence", "topic_influence", "format_influence"),
    *("bin_contrasts", "topic_contrasts", "format_contrasts"),
    # benchmark_correlations without leaving out bins and topics: that costs what the taxonomy makes
    # it cost, whatever the corpus.
    *("int_correlations", "influence_concentration"),
)
_BY_DOCUMENT = ("document_influence", "bins", "top_documents")


def compiled(lake: Lake, folder: Path) -> dict[str, Path]:
    """Files of statements: `bins`, the marts of influence by region; `documents`, those by row.

    There are no resamples, so the intervals are null and cost nothing.
    """
    lake.home.create()
    run_dbt(dbt_environment(lake.home, None), "compile", "--exclude", "tag:unlearning")
    nodes = json.loads(manifest_path(lake.home).read_text(encoding="utf-8"))["nodes"]
    models = {
        key: node
        for key, node in nodes.items()
        if node["resource_type"] == "model" and "unlearning" not in node["tags"]
    }
    ordered = _with_ancestors(models, {model["name"] for model in models.values()})
    staging = [key for key in ordered if models[key]["schema"] == "staging"]
    by_region = [key for key in _with_ancestors(models, _BY_REGION) if key not in staging]
    by_document = [key for key in ordered if models[key]["name"] in _BY_DOCUMENT]
    files = {}
    for name, keys in (("bins", by_region), ("documents", by_document)):
        files[name] = folder / name / "statements.json"
        files[name].parent.mkdir(parents=True)
        rows = [_statement(models[key]) for key in [*staging, *keys]]
        files[name].write_text(json.dumps(rows), encoding="utf-8")
    return files


def _statement(node: dict) -> tuple[str, str, str]:
    sql = node["compiled_code"].replace('"build".', "")
    return f"{node['schema']}.{node['name']}", node["config"]["materialized"], sql


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


def measured(benchmark, documents: int, folder: Path) -> None:
    lake = rollup_lake(folder, documents)
    files = compiled(lake, folder)
    scores = lake.home.lake
    alternatives = {
        "bare scan and aggregate": own_process("duckdb_aggregate", scores),
        "marts by region": own_process("marts", scores, files["bins"]),
        "pandas": own_process("pandas_rollup", scores),
        "marts by document": own_process("marts", scores, files["documents"]),
    }
    claim = f"Roll-up of {documents:,} documents x 4 benchmarks"
    rounds = 2 if documents < 10_000_000 else 1
    side_by_side(benchmark, claim, alternatives, rounds=rounds, at_most=1.5, peak_mb=3072)
    shutil.rmtree(folder)


def test_rollup(benchmark, tmp_path):
    measured(benchmark, DOCUMENTS, tmp_path)


@pytest.mark.skipif(not GROWTH, reason="BENCH_GROWTH is not set")
def test_growth(benchmark, tmp_path):
    measured(benchmark, GROWTH * DOCUMENTS, tmp_path)
