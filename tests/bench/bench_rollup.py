"""From scores of documents to the marts of influence. See docs/performance.md."""

import json
import os
import shutil
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
_BOOTSTRAP = ("stg_bin_mean_resamples", "stg_split_half_correlations")
# Of leaving out any one bin or topic: their size is that of the taxonomy, not of the corpus.
_LEAVE_OUTS = ("int_region_leave_outs", "int_correlation_leave_one_out", "int_regions")
_BY_DOCUMENT = ("document_influence", "bins", "stg_documents_set_aside")


def compiled(lake: Lake, folder: Path) -> dict[str, Path]:
    """Files of statements: `bins`, the marts of influence without bootstrap; `documents`."""
    lake.home.create()
    run_dbt(dbt_environment(lake.home, None), "compile", "--exclude", "tag:unlearning")
    nodes = json.loads(manifest_path(lake.home).read_text(encoding="utf-8"))["nodes"]
    models = {
        key: node
        for key, node in nodes.items()
        if node["resource_type"] == "model" and "unlearning" not in node["tags"]
    }
    ordered = _ordered(models)
    late = _descendants(models, _BOOTSTRAP + _LEAVE_OUTS + _BY_DOCUMENT)
    views = [key for key in ordered if models[key]["config"]["materialized"] == "view"]
    estimates = [key for key in ordered if key not in late and key not in views]
    documents = [key for key in ordered if models[key]["name"] in ("document_influence",)]
    documents += [key for key in ordered if models[key]["name"] == "top_documents"]
    files = {}
    for name, keys in (("bins", estimates), ("documents", documents)):
        files[name] = folder / name / "statements.json"
        files[name].parent.mkdir(parents=True)
        rows = [_statement(models[key]) for key in [*views, *keys]]
        files[name].write_text(json.dumps(rows), encoding="utf-8")
    return files


def _statement(node: dict) -> tuple[str, str, str]:
    sql = node["compiled_code"].replace('"build".', "")
    return f"{node['schema']}.{node['name']}", node["config"]["materialized"], sql


def _ordered(models: dict) -> list[str]:
    done: list[str] = []

    def visit(key: str) -> None:
        if key in models and key not in done:
            for parent in models[key]["depends_on"]["nodes"]:
                visit(parent)
            done.append(key)

    for key in sorted(models):
        visit(key)
    return done


def _descendants(models: dict, names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    for key in _ordered(models):
        parents = models[key]["depends_on"]["nodes"]
        if models[key]["name"] in names or found & set(parents):
            found.add(key)
    return found


def measured(benchmark, documents: int, folder: Path) -> None:
    lake = rollup_lake(folder, documents)
    files = compiled(lake, folder)
    scores = lake.home.lake
    alternatives = {
        "bare scan and aggregate": own_process("duckdb_aggregate", scores),
        "marts of bins, topics, formats": own_process("marts", scores, files["bins"]),
        "pandas": own_process("pandas_rollup", scores),
        "document_influence, top_documents": own_process("marts", scores, files["documents"]),
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
