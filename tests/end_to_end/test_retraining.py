"""Retraining of a planted world by the command line: replayed, killed, resumed, failing alone."""

import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.lake.records import failure_of
from influence_warehouse.retraining.plan import planned_runs
from tests.built_once import built_once
from tests.end_to_end.conftest import Finished, SmallWorld, influence, write_small_study
from tests.end_to_end.test_run import facts_of
from tests.end_to_end.test_unlearning import require_ended

pytestmark = [pytest.mark.slow, pytest.mark.alone]

RUN_FACTS = ("retraining_runs", "retrained_predictions")
SECTION = {
    "leave_out": [],
    "halves": {"topics": 2, "buckets": 2},
    "buckets": 8,
    "seeds": [1],
    "repeated_subsets": 1,
    "tuning_share": 0.5,
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> SmallWorld:
    """A planted world of which all is sampled; its runs are planned, and made by one worker."""

    def build(folder: Path) -> Finished:
        changes = {"sampling": {"documents_per_bin": 50, "shards": 1}, "unlearning": None}
        file, root = write_small_study(folder, retraining=SECTION, **changes), folder / "warehouse"
        for stage in ("prepare", "plan"):
            planned = influence(root, "run", str(file), "--stage", stage)
            assert planned.status == 0, planned.error
        assert "influence work" in planned.out and "retrainings" in planned.out
        finished = influence(root, "work", str(file), "retrainings")
        assert finished.status == 0, finished.error
        return finished

    folder, finished = built_once(tmp_path_factory, "graded", build)
    return SmallWorld(folder / "small.yaml", folder / "warehouse", finished)


@pytest.fixture
def copy(graded: SmallWorld, tmp_path) -> SmallWorld:
    shutil.copytree(graded.root, tmp_path / "warehouse")
    return replace(graded, root=tmp_path / "warehouse")


def test_the_base_that_is_replayed_answers_as_the_model_does(graded: SmallWorld):
    lake, study = graded.lake, graded.study
    keys = planned_runs(study, lake)
    assert len(keys) == 8
    own = f"{study.model.name}|base|all|all|{study.seed}"
    base = lake.read("retrained_predictions", own)
    answers = lake.read("item_predictions", study.model.name)
    # The same weights; batches of another size move the last digits.
    moved = base["correct_logprob_margin"] - answers["correct_logprob_margin"]
    assert moved.abs().max() < 1e-3
    runs = pl.concat(lake.read("retraining_runs", key) for key in keys)
    left_out = runs.filter(design="halves", unit="bucket")["n_left_out"]
    documents = lake.read("training_batches").height
    assert runs["steps"].n_unique() == 1 and (left_out / documents).is_between(0.3, 0.7).all()
    for key in {*keys} - {own}:
        other = lake.read("retrained_predictions", key)["correct_logprob_margin"]
        assert (other - base["correct_logprob_margin"]).abs().max() > 0.05


def test_a_killed_stage_resumes_and_what_was_finished_stays(copy: SmallWorld):
    before = facts_of(copy.root)
    for fact in RUN_FACTS:
        shutil.rmtree(copy.lake.home.lake / fact)
    influence_command = str(Path(sys.executable).with_name("influence"))
    command = [influence_command, "work", str(copy.file), "retrainings"]
    environment = {**os.environ, "INFLUENCE_WAREHOUSE": str(copy.root)}
    rng, times = random.Random(5), {}
    for _ in range(3):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        time.sleep(rng.uniform(10, 25))
        process.kill()
        process.wait()
        require_ended(process.pid)
        made = {part: copy.lake.path(RUN_FACTS[0], part) for part in copy.lake.parts(RUN_FACTS[0])}
        now = {part: path.stat().st_mtime_ns for part, path in made.items()}
        assert {part: now[part] for part in times} == times, "finished runs are not made again"
        times = now
    finished = copy.influence("work", str(copy.file), "retrainings")
    assert finished.status == 0, finished.error
    assert finished.error.count("KEPT retraining_runs") >= len(times)
    assert facts_of(copy.root) == before


def test_a_failed_run_stops_no_other(copy: SmallWorld):
    before = facts_of(copy.root)
    keys = planned_runs(copy.study, copy.lake)
    for fact in RUN_FACTS:
        copy.lake.path(fact, keys[-1]).unlink()
        copy.lake.path(fact, keys[1]).unlink()
    copy.lake.path(RUN_FACTS[1], keys[1]).mkdir()
    finished = copy.influence("work", str(copy.file), "retrainings")
    assert finished.status == 1
    assert (
        f"1 of {len(keys)} retraining runs failed" in finished.error and keys[1] in finished.error
    )
    assert failure_of(copy.home, keys[1])
    assert "1 failed" in copy.influence("status", str(copy.file)).out
    copy.lake.path(RUN_FACTS[1], keys[1]).rmdir()
    finished = copy.influence("work", str(copy.file), "retrainings")
    assert finished.status == 0, finished.error
    assert facts_of(copy.root) == before


def test_a_worker_refuses_sets_that_were_not_checked(copy: SmallWorld):
    sets = copy.lake.path("retraining_sets", copy.study.model.name)
    sets.unlink()
    finished = copy.influence("work", str(copy.file), "retrainings")
    assert finished.status == 1 and "retraining_sets" in finished.error


def test_a_study_without_the_section_says_so(tmp_path):
    file = write_small_study(tmp_path)
    for arguments in (
        ("run", str(file), "--stage", "retraining"),
        ("work", str(file), "retrainings"),
    ):
        finished = influence(tmp_path / "warehouse", *arguments)
        assert finished.status == 1
        assert "no section `retraining`" in finished.error


def test_dagster_shows_the_stage_and_its_checks(graded: SmallWorld):
    """In a process of its own: the code location reads the environment once."""
    code = (
        "import dagster as dg\n"
        "from dagster_project.definitions import defs\n"
        "from influence_warehouse.retraining.expectations import EXPECTATION_NAMES\n"
        "graph = defs.resolve_asset_graph()\n"
        "facts = ('retraining_plan', 'retraining_sets', 'retraining_runs')\n"
        "groups = {graph.get(dg.AssetKey(fact)).group_name for fact in facts}\n"
        "assert groups == {'retraining'}, groups\n"
        "keys = graph.get_check_keys_for_assets({dg.AssetKey('retraining_sets')})\n"
        "assert {key.name for key in keys} == set(EXPECTATION_NAMES)\n"
        "assert all(graph.get_check_spec(key).blocking for key in keys)\n"
        "names = {job.name for job in defs.resolve_all_job_defs()}\n"
        "assert {'plan_retraining', 'retrain', 'publish_retraining'} <= names, names\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    print(*instance.get_dynamic_partitions('retraining_runs_small'), sep='\\n')\n"
    )
    environment = {
        **os.environ,
        "INFLUENCE_STUDY": str(graded.file),
        "INFLUENCE_WAREHOUSE": str(graded.root),
        "DAGSTER_HOME": str(graded.root / ".dagster"),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = {line for line in done.stdout.splitlines() if line.count("|") == 4}
    assert shown == set(planned_runs(graded.study, graded.lake))
