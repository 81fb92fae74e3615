"""Building: without a truth, with broken facts, with hand-computed cases, in odd places."""

import os
import subprocess
import sys

import duckdb
import numpy as np
import polars as pl
import pytest
import yaml

from influence_warehouse.errors import FactError, WarehouseError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.build import (
    build_warehouse,
    dbt_environment,
    dbt_project_folder,
)
from tests.scoring_lake import shard_part
from tests.synthetic import SyntheticLake, synthetic_lake, synthetic_study, write_facts


def test_unit_tests_of_the_statistics_pass(world, tmp_path):
    """Hand-computed: z, resamples, shrinkage, contrasts, q, correlations, terms, selectivity."""
    environment = os.environ | dbt_environment(world.home, world.study)
    environment |= {"DBT_TARGET_PATH": str(tmp_path), "DBT_LOG_PATH": str(tmp_path)}
    del environment["DBT_EXCLUDE_RESOURCE_TYPES"]
    finished = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "test", "--select", "test_type:unit"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-3000:]
    files = (dbt_project_folder() / "models").rglob("*.yml")
    declared = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in files]
    count = sum(len(content.get("unit_tests", ())) for content in declared)
    assert count
    assert f"PASS={count} " in finished.stdout


def test_dbt_writes_nothing_into_its_project(world):
    names = {path.name for path in dbt_project_folder().iterdir()}
    assert names == {"dbt_project.yml", "profiles.yml", "macros", "models", "tests"}
    assert (world.home.runs / "dbt" / "run_results.json").exists()


@pytest.mark.slow
def test_the_smallest_study_builds(tmp_path, monkeypatch):
    """One benchmark, two bins, no contrast, no truth, no run record, a path with a space; in a
    shell whose variables would make dbt build empty tables somewhere else."""
    monkeypatch.setenv("DBT_EMPTY", "1")
    monkeypatch.setenv("DBT_ENGINE_EMPTY", "1")
    monkeypatch.setenv("DBT_TARGET", "nowhere")
    study = synthetic_study(planted=False, resamples=100)
    study = study.model_copy(update={"benchmarks": study.benchmarks[:1], "contrasts": ()})
    bin_of = np.array([0] * 11 + [30])
    world = SyntheticLake(
        study,
        Lake(Home(tmp_path / "a place", "small")),
        [f"doc-{number}" for number in range(12)],
        bin_of,
        np.bincount(bin_of, minlength=576),
        {study.benchmarks[0].name: np.random.default_rng(0).normal(size=(8, 12))},
    )
    write_facts(world)
    for record in (world.home.runs / "records").iterdir():
        record.unlink()
    build_warehouse(study, world.lake)
    counts = {"planted_recovery": 0, "runs": 0, "topic_contrasts": 0, "benchmark_correlations": 0}
    # 5 of 8 items are answered right, 3 wrong: a row under all, and under either.
    counts |= {"bin_influence_by_correctness": 3 * 576, "topic_influence_by_correctness": 3 * 24}
    counts |= {"bin_influence": 576, "topic_influence": 24, "document_influence": 12}
    with duckdb.connect(str(world.home.build_database), read_only=True) as connection:
        for mart, rows in counts.items():
            found = connection.execute(f"select count(*) from marts.{mart}").fetchone()
            assert found == (rows,), mart


@pytest.mark.slow
def test_scores_that_disagree_with_their_sums_fail_the_build(tmp_path):
    world = synthetic_lake(tmp_path, documents=300, resamples=100)
    shifted = world.lake.read("document_scores", shard_part(1)).with_columns(pl.col("score") + 0.5)
    made = Fingerprint.of("document_scores", other=1)
    world.lake.write("document_scores", shifted, made, shard_part(1))
    with pytest.raises(WarehouseError, match=r"bin_mean_is_mean_of_document_scores.*") as caught:
        build_warehouse(world.study, world.lake)
    assert "dbt.log" in str(caught.value)
    assert "First: {'" in str(caught.value), "a failed test shows a row"


@pytest.mark.slow
def test_a_shard_that_should_not_be_there_fails_the_build(tmp_path):
    world = synthetic_lake(tmp_path, documents=300, resamples=100)
    stray = world.lake.read("document_scores", shard_part(1))
    made = Fingerprint.of("document_scores", stray=1)
    world.lake.write("document_scores", stray, made, shard_part(2))
    with pytest.raises(WarehouseError, match="document_influence"):
        build_warehouse(world.study, world.lake)


@pytest.mark.slow
def test_another_writer_of_the_build_database_is_named(tmp_path):
    world = synthetic_lake(tmp_path, documents=300, resamples=100)
    with (
        duckdb.connect(str(world.home.build_database)),
        pytest.raises(WarehouseError, match=r"(?s)lock.*close the process"),
    ):
        build_warehouse(world.study, world.lake)


def test_missing_facts_name_the_remedy(tmp_path):
    with pytest.raises(FactError, match=r"study_benchmarks.*Remedy"):
        build_warehouse(synthetic_study(), Lake(Home(tmp_path, "empty")))


@pytest.mark.parametrize("name", ["it's", "a*b", "a?b", "a[b]", "a{b}", "50%"])
def test_paths_that_sql_would_misread_are_refused(tmp_path, name):
    with pytest.raises(WarehouseError, match=r"pattern.*--warehouse"):
        dbt_environment(Home(tmp_path / name, "study"), synthetic_study())
