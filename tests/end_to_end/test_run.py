"""A study from documents to charts by the command line: complete, repeatable, resumable."""

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from influence_warehouse.exchange.releases.diff import ASIDE
from influence_warehouse.lake.layout import EMPTY_FACT
from influence_warehouse.reports.charts import CHARTS, RETRAINING_CHARTS
from influence_warehouse.warehouse.query import run_query
from tests.conftest import ROOT
from tests.end_to_end.conftest import SmallWorld, influence

pytestmark = [pytest.mark.slow, pytest.mark.alone]

MARTS = {
    "bins",
    "benchmarks",
    "document_influence",
    "bin_influence",
    "distinctive_terms",
    "topic_influence",
    "format_influence",
    "bin_contrasts",
    "topic_contrasts",
    "format_contrasts",
    "benchmark_correlations",
    "contrast_sensitivity",
    "contrast_extremes",
    "correctness_differences",
    "correctness_contrast_differences",
    "profile_reliability",
    "power",
    "top_documents",
    "runs",
    "planted_recovery",
    "chosen_bins",
    "unlearning_progress",
    "unlearning_damage",
    "unlearning_matrix",
    "unlearning_tests",
    "unlearning_selectivity",
    "unlearning_verdicts",
    "method_agreement",
    "method_disagreements",
    "method_disagreement_documents",
    "unlearning_methods",
    "planted_unlearning",
}


FACTS = {
    "documents",
    "documents_set_aside",
    "sampling_manifest",
    "bin_populations",
    "bin_terms",
    "bin_words",
    "benchmark_items",
    "item_predictions",
    "study_benchmarks",
    "study_contrasts",
    "study_labels",
    "study_methods",
    "gradient_diagnosis",
    "document_scores",
    "shard_bin_item_scores",
    "shard_proponents",
    "bin_item_scores",
    "proponents",
    "attribution_health",
    "region_inference",
    "signal_shares",
    "contrast_inference",
    "correlation_inference",
    "correctness_inference",
    "correctness_contrast_inference",
    "split_half_correlations",
    "concentration_noise",
    "agreement_inference",
    "difference_inference",
    "planted_truth",
    "training_batches",
    "region_rules",
    "unlearning_plan",
    "forget_sets",
    "retain_sets",
    "unlearning_set_digests",
    "unlearning_runs",
    "unlearning_steps",
    "unlearned_predictions",
    "unlearning_comparisons",
    "unlearning_outcomes",
    "damage_inference",
    "method_damage_inference",
    "selectivity_inference",
}


def facts_of(world_root: Path) -> dict[str, bytes]:
    lake = world_root / "small" / "lake"
    return {
        str(path.relative_to(lake)): path.read_bytes()
        for path in sorted(lake.rglob("*.parquet"))
        if not path.name.endswith(EMPTY_FACT)
    }


def sorted_by_keys(table: pl.DataFrame) -> pl.DataFrame:
    """Rows in the order of the columns that are no measurements."""
    return table.sort([name for name, dtype in table.schema.items() if not dtype.is_float()])


def tables_of(database: Path) -> dict[str, pl.DataFrame]:
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
        return {
            name: sorted_by_keys(
                connection.sql(f"select * from marts.{name}").pl().drop(ASIDE.get(name, ()))
            )
            for (name,) in names
            if name != "runs"  # which says when facts were made, and by which run
        }


def test_the_first_run_was_that_of_the_installed_wheel(world: SmallWorld):
    python = world.file.parent / "own" / "bin" / "python"
    code = "import dagster_project as d, influence_warehouse as i; print(d.__file__, i.__file__)"
    said = subprocess.run([python, "-c", code], cwd=world.root, capture_output=True, text=True)
    assert said.stdout.count("/own/lib/") == 2, said
    script = python.with_name("influence").read_text()
    assert script.startswith("#!") and script.splitlines()[0].endswith("/own/bin/python")


def test_every_fact_is_written_and_every_mart_published(world: SmallWorld):
    written = {path.split("/")[0].removesuffix(".parquet") for path in facts_of(world.root)}
    assert written == FACTS
    with duckdb.connect(str(world.home.database), read_only=True) as connection:
        rows = connection.execute(
            "select table_name, estimated_size from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
    assert {name for name, _ in rows} >= MARTS
    # Regions of one method are forgotten here, nothing is retrained, nothing was imported.
    told = run_query(world.home, "select mart from unknowns where column_name = '*'")
    assert {name for name, size in rows if size == 0} == set(told["mart"])
    assert {"unlearning_methods", "region_effects", "study_sources"} <= set(told["mart"])


def test_dagster_shows_the_rows_of_both_builds(world: SmallWorld):
    code = (
        "import dagster as dg, json\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    found = {}\n"
        "    for name in ('bin_influence', 'unlearning_damage'):\n"
        "        event = instance.get_latest_materialization_event(dg.AssetKey(name))\n"
        "        found[name] = event.asset_materialization.metadata['dagster/row_count'].value\n"
        "print(json.dumps(found))\n"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(world.root / ".dagster")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    for name, rows in json.loads(done.stdout).items():
        assert run_query(world.home, f"select count(*) from {name}").item() == rows > 0


def test_every_chart_is_saved_in_four_formats(world: SmallWorld):
    for name in CHARTS.keys() - {*RETRAINING_CHARTS}:  # nothing is retrained here
        for kind in ("html", "json", "png", "svg"):
            assert list(world.home.charts.glob(f"{name}*.{kind}")), (name, kind)


def test_the_summary_names_topics_contrasts_and_how_to_go_on(world: SmallWorld):
    for text in ("social_facts", "influence query", "influence chart", "influence ui"):
        assert text in world.first_run.out


def test_a_second_run_keeps_everything(world: SmallWorld):
    before = facts_of(world.root)
    finished = world.influence("run", str(world.file))
    assert finished.status == 0, finished.error
    said = [line for line in finished.error.splitlines() if line.startswith(("OK ", "KEPT"))]
    made = [line for line in said if line.startswith("OK ")]
    tables = ("dbt_models", "unlearning_models", "retraining_models")
    rebuilt = tuple(f"OK   {name}" for name in (*tables, "chart", "report"))
    assert all(line.startswith(rebuilt) for line in made), made
    assert len(said) - len(made) > 20
    assert facts_of(world.root) == before


def test_status_says_current_and_then_what_became_stale(world: SmallWorld, tmp_path):
    whole = world.influence("status", str(world.file)).out
    assert "stale" not in whole and "published    influence.duckdb         current" in whole
    text = world.file.read_text().replace("projection_dim: 4", "projection_dim: 2")
    changed = tmp_path / "small.yaml"
    changed.write_text(text)
    lines = world.influence("status", str(changed)).out.splitlines()
    states = {line.split()[1]: line for line in lines if len(line.split()) > 2}
    assert "current" in states["documents"] and "current" in states["gradient_diagnosis"]
    for folder in ("method_preparation", "query_index"):
        assert "stale (made from something else)" in states[folder]
    assert "waiting (for method_preparation, query_index)" in states["document_scores"]
    assert "waiting" in states["proponents"] and "waiting" in states["forget_sets"]


@pytest.mark.parametrize("output", ["table", "csv", "json"])
def test_queries_by_name_in_every_format(world: SmallWorld, output):
    finished = world.influence(
        "query", "top_topics", "--study", str(world.file), "--output", output
    )
    assert finished.status == 0, finished.error
    if output == "json":
        assert json.loads(finished.out)
    assert "social_facts" in finished.out


README = (ROOT / "README.md").read_text(encoding="utf-8")
QUERIES = [
    shlex.split(line, comments=True)[1:]
    for line in README.splitlines()
    if line.startswith("influence query") and "--study" not in line
]


@pytest.mark.parametrize("arguments", QUERIES, ids=" ".join)
def test_what_the_readme_asks_is_answered_with_rows(world: SmallWorld, arguments):
    assert len(QUERIES) >= 4
    listing = "--list" in arguments
    study = [] if listing else ["--study", str(world.file), "--output", "csv"]
    finished = world.influence(*arguments, *study)
    assert finished.status == 0, finished.error
    assert len(finished.out.splitlines()) > 2


def test_a_killed_run_resumes_to_the_same_bytes(world: SmallWorld, tmp_path):
    """SIGKILL at random moments, then an unbroken run: facts and marts are as ever."""
    root = tmp_path / "warehouse"
    # The model is kept: its training is tested apart and would take most of the time.
    shutil.copytree(world.home.model, root / "small" / "model")
    command = [str(Path(sys.executable).with_name("influence")), "run", str(world.file)]
    environment = {**os.environ, "INFLUENCE_WAREHOUSE": str(root)}
    rng = random.Random(11)
    for _ in range(4):
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(rng.uniform(8, 30))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finished = influence(root, "run", str(world.file))
    assert finished.status == 0, finished.error
    assert facts_of(root) == facts_of(world.root)
    ours, theirs = tables_of(root / "small" / "influence.duckdb"), tables_of(world.home.database)
    assert ours.keys() == theirs.keys()
    for name, table in ours.items():
        # Parallel sums of doubles in DuckDB may differ in the last place.
        assert_frame_equal(table, theirs[name], rel_tol=1e-9, abs_tol=1e-12)
