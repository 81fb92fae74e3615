"""Every stage killed at random moments: what is there is whole, and resuming gives the same."""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Part
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import file_name_of
from influence_warehouse.lake.leftovers import remove_leftovers
from influence_warehouse.lake.records import record_path
from influence_warehouse.pipeline.steps import Step, steps
from influence_warehouse.reports.gallery import draw_and_save
from influence_warehouse.reports.report import write_report
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish
from tests.end_to_end.conftest import SmallWorld
from tests.end_to_end.test_run import facts_of, tables_of
from tests.killing import Work, make_named_step, run

pytestmark = [pytest.mark.slow, pytest.mark.alone]


def test_every_step_killed_and_resumed_gives_the_same_bytes(world: SmallWorld, copy: SmallWorld):
    """Twice before a random change of a file and once at a random time, in each step."""
    expected, rng, kills = facts_of(world.root), random.Random(17), Counter[str]()
    for step in steps(copy.study):
        if step.name == "make_planted_model":  # a minute of training, tested apart
            continue
        part = _some_part(step, copy, rng)
        work = Work(make_named_step, (str(copy.file), copy.root, step.name, part), copy.home.path)
        _put_back(step, part, copy, rng)
        unbroken = run(work)
        assert facts_of(copy.root) == expected, f"{step.name} is not repeatable"
        moments = [{"at_change": rng.randint(1, unbroken.changes)} for _ in range(2)]
        moments.append({"at_second": rng.uniform(0, unbroken.seconds)})
        before = _put_back(step, part, copy, rng)
        for moment in moments:
            ended = run(work, **moment)
            if not ended.killed:
                before = _put_back(step, part, copy, rng)
                ended = run(work, **moment)
            kills[step.stage] += ended.killed
            for name, content in facts_of(copy.root).items():
                assert content in (expected[name], before.get(name)), (step.name, moment, name)
        run(work)
        assert facts_of(copy.root) == expected, (step.name, moments)
    remove_leftovers(copy.home.path)
    assert list(copy.home.path.rglob("*.part")) == []
    assert kills.keys() == {"corpus", "sampling", "benchmarks", "attribution", "warehouse"} | {
        "unlearning"
    }
    assert kills.total() >= 40, kills


def _some_part(step: Step, world: SmallWorld, rng: random.Random) -> Part | None:
    return rng.choice(step.part_keys(world.study, world.lake))


def _put_back(
    step: Step, part: Part | None, world: SmallWorld, rng: random.Random
) -> dict[str, bytes]:
    """Leave nothing of what the step made, or facts of other making; the bytes of all facts."""
    is_stale = rng.random() < 0.5
    for fact in step.facts:
        record_path(world.home, fact, part).unlink(missing_ok=True)
        if fact not in CONTRACTS:
            _remove_folder(fact, part, world)
        elif is_stale:
            rows = world.lake.read(fact, part)
            world.lake.write(fact, rows.head(1), Fingerprint.of(fact, stale=True), part)
        else:
            world.lake.path(fact, part).unlink()
    return facts_of(world.root)


def _remove_folder(fact: str, part: Part | None, world: SmallWorld) -> None:
    home = world.home
    folders = {
        "planted_documents": home.inputs,
        "method_preparation": home.work / "method_preparation",
        "query_index": home.work / "query_index",
        "unlearned_models": home.adapters / file_name_of(str(part)),
    }
    shutil.rmtree(folders[fact])


def test_build_publication_and_report_killed_and_resumed(world: SmallWorld, copy: SmallWorld):
    """What analysts open is whole at every moment, and the tables come out the same."""
    rng = random.Random(23)
    tables, pages = tables_of(world.home.database), _files(copy.home.report)
    for function, arguments, times in (
        (build_warehouse, (copy.study, copy.lake), 2),
        (publish, (copy.home, copy.study), 4),
        (draw_and_save, (copy.home, "bin_heatmap"), 2),
        (write_report, (copy.home, copy.study, "small"), 2),
    ):
        work = Work(function, arguments, copy.home.path)
        unbroken = run(work)
        for _ in range(times):
            _kill_within(work, unbroken.seconds, rng)
            assert tables_of(copy.home.database).keys() == tables.keys()
        if unbroken.changes:
            run(work, at_change=rng.randint(1, unbroken.changes))
        run(work)
    ours = tables_of(copy.home.database)
    for name, table in tables.items():
        # Parallel sums of doubles in DuckDB may differ in the last place.
        assert_frame_equal(ours[name], table, rel_tol=1e-9, abs_tol=1e-12)
    assert _files(copy.home.report) == pages


def _kill_within(work: Work, seconds: float, rng: random.Random) -> None:
    """Kill the work at a random time; again, and earlier, where it was done before its time."""
    for _ in range(5):
        ended = run(work, at_second=rng.uniform(0, seconds))
        if ended.killed:
            return
        seconds = ended.seconds
    raise AssertionError(f"{work} ended five times before its time")


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}
