"""Unlearning by the command line: partitions that fail alone, follow the choice, survive kills."""

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from influence_warehouse.unlearning.adapters import adapter_folder
from influence_warehouse.unlearning.plan import planned_runs
from influence_warehouse.warehouse.query import run_query
from tests.end_to_end.conftest import SMALL_STUDY, SmallWorld, write_small_study
from tests.end_to_end.test_run import facts_of

pytestmark = [pytest.mark.slow, pytest.mark.alone]

RUN_FACTS = ("unlearning_runs", "unlearning_steps", "unlearned_predictions")


def partitions_in_dagster(world: SmallWorld) -> set[str]:
    code = (
        "import dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    print(*instance.get_dynamic_partitions('unlearning_runs_small'), sep='\\n')\n"
    )
    environment = {**os.environ, "DAGSTER_HOME": str(world.root / ".dagster")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_every_planned_run_is_done_and_counted(world: SmallWorld):
    keys = planned_runs(world.study, world.lake)
    # 2 benchmarks, each in one topic and in the whole sample: one set ranked first, 3 at random.
    assert len(keys) == 16
    assert partitions_in_dagster(world) == set(keys)
    assert f"OK   16/16 {keys[-1]}: 2 steps (step_limit)" in world.first_run.error
    status = world.influence("status", str(world.file)).out
    assert "16 current (16 step_limit)" in status
    damage = run_query(world.home, "select count(distinct run_id) from unlearning_damage")
    assert damage.item() == 16
    margins = run_query(
        world.home,
        "select max(abs(damage)) from unlearning_damage where is_target and measure = 'margin'",
    )
    assert margins.item() > 0


def test_a_failed_run_blocks_no_other_and_is_retried_alone(copy: SmallWorld, tmp_path):
    before = facts_of(copy.root)
    key = planned_runs(copy.study, copy.lake)[0]
    for fact in RUN_FACTS:
        copy.lake.path(fact, key).unlink()
    folder = adapter_folder(copy.home, key)
    shutil.rmtree(folder)
    folder.write_text("in the way")
    finished = copy.influence("run", str(copy.file), "--stage", "unlearning")
    assert finished.status == 1
    assert "1 unlearning runs failed" in finished.error
    assert f"FAIL  1/16 {key}" in finished.error
    assert finished.error.count("KEPT") >= 15
    states = run_query(copy.home, "select state, detail from unlearning_progress").rows()
    assert sorted(state for state, _ in states) == ["done"] * 15 + ["failed"]
    assert any("adapter cannot be written" in (detail or "") for _, detail in states)
    assert run_query(copy.home, "select count(distinct run_id) from unlearning_damage").item() == 15
    assert "1 failed" in copy.influence("status", str(copy.file)).out
    folder.unlink()
    finished = copy.influence("run", str(copy.file), "--stage", "unlearning")
    assert finished.status == 0, finished.error
    assert f"OK    1/16 {key}" in finished.error
    assert finished.error.count("/16 ") == 16
    assert len(re.findall(r"KEPT +\d+/16 ", finished.error)) == 15
    assert facts_of(copy.root) == before
    totals = copy.influence("status", str(copy.file)).out.splitlines()[-1]
    assert totals.endswith(" current") and "," not in totals


def test_another_choice_is_other_partitions(copy: SmallWorld, tmp_path):
    """One benchmark less: half the runs, and their retain sets may use its topic."""
    target = planned_runs(copy.study, copy.lake)[0].split("|")[3]
    section = SMALL_STUDY["unlearning"] | {"benchmarks": [target]}
    fewer = SmallWorld(write_small_study(tmp_path, unlearning=section), copy.root, copy.first_run)
    finished = fewer.influence("run", str(fewer.file))
    assert finished.status == 0, finished.error
    keys = planned_runs(fewer.study, fewer.lake)
    assert len(keys) == 8
    assert partitions_in_dagster(fewer) == set(keys)
    damage = run_query(fewer.home, "select distinct run_id from unlearning_damage")["run_id"]
    assert set(damage) == set(keys), "files of the other runs still lie there"


def test_unlearning_that_is_killed_resumes_to_the_same_bytes(copy: SmallWorld):
    """SIGKILL at random moments of the stage: plan, sets, runs, tests and tables.

    The first process alone is killed: those that make runs beside it end by themselves.
    """
    before = facts_of(copy.root)
    wipe(copy)
    command = [str(Path(sys.executable).with_name("influence")), "run", str(copy.file)]
    environment = {**os.environ, "INFLUENCE_WAREHOUSE": str(copy.root)}
    rng = random.Random(5)
    for _ in range(4):
        process = subprocess.Popen(
            [*command, "--stage", "unlearning"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(rng.uniform(5, 25))
        if process.poll() is None:
            process.kill()
        process.wait()
        require_ended(process.pid)
    finished = copy.influence("run", str(copy.file), "--stage", "unlearning")
    assert finished.status == 0, finished.error
    assert facts_of(copy.root) == before


def require_ended(session: int, seconds: float = 30) -> None:
    """Wait until no process of a session is left."""
    end = time.monotonic() + seconds
    while left := [name for name in os.listdir("/proc") if session_of(name) == session]:  # noqa: PTH208
        assert time.monotonic() < end, f"still there: {left}"
        time.sleep(0.2)


def session_of(name: str) -> int | None:
    try:
        return os.getsid(int(name))
    except (ValueError, ProcessLookupError):
        return None


def wipe(world: SmallWorld) -> None:
    """Delete all that unlearning made."""
    planned = ("unlearning_plan", "forget_sets", "retain_sets", "unlearning_set_digests")
    for fact in (*planned, "unlearning_comparisons", "unlearning_outcomes", *RUN_FACTS):
        shutil.rmtree(world.home.lake / fact)
    shutil.rmtree(world.home.adapters)


def test_a_study_without_the_section_says_so(world: SmallWorld, tmp_path):
    file = write_small_study(tmp_path)
    content = yaml.safe_load(file.read_text())
    del content["unlearning"]
    file.write_text(yaml.safe_dump(content))
    finished = world.influence("run", str(file), "--stage", "unlearning")
    assert finished.status == 1
    assert "no section `unlearning`" in finished.error
