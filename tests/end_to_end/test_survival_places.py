"""Disks that are full or read-only, clocks that jump, damaged files, two runs at once."""

import json
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from influence_warehouse.errors import InfluenceError, WarehouseError
from influence_warehouse.lake import records
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.making import make_step
from influence_warehouse.pipeline.status import states
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.reports.report import write_report
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from influence_warehouse.warehouse.query import run_query
from tests.end_to_end.conftest import SmallWorld
from tests.end_to_end.test_run import facts_of
from tests.end_to_end.test_workers import SHARDS, ended, start, wipe
from tests.killing import Work, make_named_step, run
from tests.permissions import obey_mode_bits
from tests.scoring_lake import shard_part

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def on_a_full_disk(said: Path, function, *arguments) -> None:
    """Call the function where no file can grow past 1 KB; its error's text goes to `said`."""
    try:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
        function(*arguments)
    except InfluenceError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        said.write_text(str(error))


def test_a_full_disk_stops_each_step_by_name_and_loses_nothing(
    world: SmallWorld, copy: SmallWorld, tmp_path
):
    before, stopped = facts_of(world.root), []
    for step in steps(copy.study):
        part = step.part_keys(copy.study, copy.lake)[0]
        for fact in step.facts:
            if fact in CONTRACTS:
                copy.lake.path(fact, part).unlink()
        said = tmp_path / step.name
        named = (str(copy.file), copy.root, step.name, part)
        run(Work(on_a_full_disk, (said, make_named_step, *named), tmp_path))
        if said.exists():
            stopped.append(step.name)
            assert str(copy.home.path) in said.read_text(), said.read_text()
            assert "Remedy: free disk space" in said.read_text(), said.read_text()
        now = facts_of(copy.root)
        assert all(before[name] == content for name, content in now.items()), step.name
        run(Work(make_named_step, named, tmp_path))
        assert facts_of(copy.root) == before, step.name
    assert len(stopped) > 15, stopped


@pytest.mark.parametrize("function", [build_warehouse, publish, write_report])
def test_a_full_disk_keeps_what_analysts_open(copy: SmallWorld, tmp_path, function):
    arguments = {
        build_warehouse: (copy.study, copy.lake),
        publish: (copy.home, copy.study),
        write_report: (copy.home, copy.study, "small"),
    }[function]
    published = copy.home.database.read_bytes()
    pages = {path: path.read_bytes() for path in copy.home.report.glob("*.html")}
    said = tmp_path / "said"
    run(Work(on_a_full_disk, (said, function, *arguments), tmp_path))
    assert "Remedy" in said.read_text()
    assert copy.home.database.read_bytes() == published
    assert {path: path.read_bytes() for path in copy.home.report.glob("*.html")} == pages
    if function is not build_warehouse:  # which test_survival.py runs again after kills
        run(Work(function, arguments, tmp_path))


def read_and_write(home_path: Path, said: Path, study: Study, lake: Lake) -> None:
    """Read the published copy and try to make a fact, as one who may not write there."""
    obey_mode_bits()
    rows = run_query(lake.home, "select count(*) from bins").item()
    errors = []
    for attempt in (
        lake.home.create,
        lambda: publish(lake.home, study),
        lambda: make_step(steps(study)[3], study, lake),
    ):
        try:
            attempt()
        except WarehouseError as error:
            errors.append(str(error))
    said.write_text(json.dumps([rows, errors]))


def test_a_read_only_home_can_be_read_and_says_that_it_cannot_be_written(
    copy: SmallWorld, tmp_path
):
    step = steps(copy.study)[3]
    copy.lake.path(step.facts[0]).unlink()
    before, said = facts_of(copy.root), tmp_path / "said.json"
    folders = [copy.home.path, *(path for path in copy.home.path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    work = Work(read_and_write, (copy.home.path, said, copy.study, copy.lake), tmp_path)
    try:
        run(work)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    rows, errors = json.loads(said.read_text())
    assert rows == 576
    assert len(errors) == 3
    assert "read-only" in errors[0]
    for error in errors:
        assert str(copy.home.path) in error and "Remedy" in error
    assert facts_of(copy.root) == before


@pytest.mark.parametrize("years", [-30, 30])
def test_a_clock_that_jumps_makes_nothing_stale(copy: SmallWorld, years, monkeypatch):
    before = facts_of(copy.root)
    moment = datetime.now(UTC) + timedelta(days=365 * years)
    for path in copy.home.path.rglob("*"):
        os.utime(path, (moment.timestamp(), moment.timestamp()))
    for path in (copy.home.runs / "records").glob("*.json"):
        text = json.dumps(json.loads(path.read_text()) | {"started_at": moment.isoformat()})
        path.write_text(text)
    assert {state.state for state in states(copy.study, copy.home)} == {"current"}
    for step in steps(copy.study):
        part = step.part_keys(copy.study, copy.lake)[-1]
        assert all(made.reused for made, _ in make_step(step, copy.study, copy.lake, part))
    assert facts_of(copy.root) == before


def test_a_clock_set_back_while_a_fact_is_made_gives_no_negative_seconds(
    copy: SmallWorld, monkeypatch
):
    class SetBack(datetime):
        hours = 0

        @classmethod
        def now(cls, tz=None):
            cls.hours -= 1
            return datetime.now(tz) + timedelta(hours=cls.hours)

    monkeypatch.setattr(records, "datetime", SetBack)
    step = next(step for step in steps(copy.study) if step.facts[0] == "region_rules")
    copy.lake.path("region_rules").unlink()
    make_step(step, copy.study, copy.lake)
    record = json.loads(records.record_path(copy.home, "region_rules", None).read_text())
    assert 0 <= record["seconds"] < 60
    assert record["started_at"] < datetime.now(UTC).isoformat()


def test_damaged_shards_are_refused_by_dbt_and_remade_alone(world: SmallWorld, copy: SmallWorld):
    """A flipped bit, a cut and an empty file: `work` finds the three and keeps the others."""
    before = facts_of(world.root)
    flipped = copy.lake.path("document_scores", shard_part(1))
    content = bytearray(flipped.read_bytes())
    content[len(content) // 4] ^= 1
    flipped.write_bytes(content)
    with pytest.raises(InfluenceError, match=r"document_scores/\S*00001\.parquet: damaged.*Remedy"):
        build_warehouse(copy.study, copy.lake)
    cut = copy.lake.path("shard_proponents", shard_part(2))
    cut.write_bytes(cut.read_bytes()[:-100])
    (said,) = ended(start(copy, "shards", 0, 1))
    assert sorted(line.split()[2] for line in said.splitlines() if line.startswith("OK")) == (
        [shard_part(1)] * 3 + [shard_part(2)] * 3
    )
    assert facts_of(copy.root) == before


def test_of_two_runs_at_once_one_is_told_to_wait_and_workers_go_on(copy: SmallWorld):
    before = facts_of(copy.root)
    wipe(copy, SHARDS)
    command = [str(Path(sys.executable).with_name("influence")), "run", str(copy.file)]
    runs = [
        subprocess.Popen(
            [*command, "--stage", "prepare"],
            env={**os.environ, "INFLUENCE_WAREHOUSE": str(copy.root)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    worker = start(copy, "shards", 0, 1)
    errors = [process.communicate(timeout=600)[1] for process in runs]
    assert sorted(process.returncode for process in runs) == [0, 1], errors
    first, second = sorted(runs, key=lambda process: process.returncode)
    assert f"(process {first.pid} on " in errors[runs.index(second)]
    ended(worker)
    assert facts_of(copy.root) == before
