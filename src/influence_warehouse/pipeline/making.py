"""Making a step, or one part of it: compare, keep or make, write, and leave a record or a failure.

What Dagster's assets and the workers of a cluster share; the only place where facts of a study's
steps are written. Does not belong here: which steps there are (`steps`) and what is noted
(`records`).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from influence_warehouse.errors import FactError, InfluenceError, InputError, WarehouseError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Outcome, Part
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import (
    Timer,
    failure_path,
    recorded_rows,
    write_failure,
    write_record,
)
from influence_warehouse.pipeline.identity import fingerprints, is_current, parts_for
from influence_warehouse.pipeline.steps import Step, step_of, steps
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study

# The system's words for ENOSPC, EFBIG, EDQUOT and EROFS, which errors of any type hand on.
_REFUSALS = tuple(os.strerror(n) for n in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS))


def make_step(
    step: Step, study: Study, lake: Lake, part: Part | None = None
) -> list[tuple[Outcome, str]]:
    """Make a step, or one part of it; each outcome with the digest of its fact's fingerprint.

    What is current is kept. Raises FactError when what the step reads is missing or made from
    something else, what the step raises, and WarehouseError where that was some
    library's word for a disk that refuses; of a planned run the error is
    noted, too, where `influence status` and the tables find it.
    """
    started = Timer()
    with _noting_failure(step, lake.home, part), _naming_full_disks(lake.home):
        _require_current_inputs(step, study, lake, part)
        results = make_facts(step, study, lake, part)
        for outcome, digest in results:
            write_record(lake.home, outcome, digest, started, part)
        return results


def make_facts(
    step: Step, study: Study, lake: Lake, part: Part | None = None
) -> list[tuple[Outcome, str]]:
    """`make_step` from inputs that nobody asks whether they are current, and without a record."""
    expected = fingerprints(step, study, lake, part)
    if is_current(step, lake, expected, part):
        return [(_kept(lake, made_from, part), made_from.digest) for made_from in expected.values()]
    task = Task(study if part is None else study.of_part(part), lake, part, expected)
    outcomes = {made.fact: _written(made, task) for made in step.run(task)}
    return [(outcomes[fact], made_from.digest) for fact, made_from in expected.items()]


def make_fact(study: Study, lake: Lake, fact: str, part: Part | None = None) -> list[Outcome]:
    """`make_facts` of the step that a fact is of: for what is not a study's run."""
    return [outcome for outcome, _ in make_facts(step_of(study, fact), study, lake, part)]


def _kept(lake: Lake, fingerprint: Fingerprint, part: Part | None) -> Outcome:
    fact = fingerprint.fact
    if fact in CONTRACTS:
        return Outcome(fact, lake.rows(fact, part), reused=True)
    return Outcome(fact, recorded_rows(lake.home, fact, part), reused=True)


def _written(made: Made, task: Task) -> Outcome:
    fingerprint = task.fingerprints[made.fact]
    if isinstance(made.rows, int):
        size = _folder_size(task.lake.home, fingerprint)
        return Outcome(made.fact, made.rows, reused=False, details=made.details, n_bytes=size)
    if isinstance(made.rows, pl.DataFrame):
        task.lake.write(made.fact, made.rows, fingerprint, task.part)
        rows = made.rows.height
    else:
        rows = task.lake.write_in_order(made.fact, made.rows, fingerprint)
    size = task.lake.size(made.fact, task.part)
    return Outcome(made.fact, rows, reused=False, details=made.details, n_bytes=size)


def _folder_size(home: Home, fingerprint: Fingerprint) -> int | None:
    """Bytes of a folder that a step wrote below `work`; None of one that is elsewhere."""
    folder = home.work / fingerprint.fact / fingerprint.digest
    if not folder.is_dir():
        return None
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _require_current_inputs(step: Step, study: Study, lake: Lake, part: Part | None) -> None:
    """Raise FactError, listing every difference, when what the step reads is missing or was made
    from something else than the study would make it from now.

    Runs are excepted, unless the part is one itself: of all runs those that are done are read.
    What was made from an input file that is not on this machine, as a worker may run without the
    corpus, has to be there.
    """
    makers = {fact: other for other in steps(study) for fact in other.facts}
    for need in step.upstream:
        maker = makers.get(need)
        if maker is None or (maker.is_of_runs and maker.parts != step.parts):
            continue
        for key in parts_for(step, maker, study, lake, part):
            _require_current(maker, need, study, lake, key)


def _require_current(maker: Step, fact: str, study: Study, lake: Lake, key: Part | None) -> None:
    try:
        expected = fingerprints(maker, study, lake, key)
    except InputError:
        if fact in CONTRACTS:
            lake.require(fact, key)
        return
    if fact in CONTRACTS:
        lake.require_expected(expected[fact], key)
    elif not maker.has_folder(lake, expected[maker.facts[0]]):
        of = "" if key is None else f" of {key}"
        raise FactError(
            f"{lake.home.path}: `{fact}`{of} is missing, or made from something else. "
            "Remedy: `influence run STUDY --stage prepare` makes it; then start again."
        )


def made_line(outcome: Outcome, seconds: float, part: Part | None = None) -> str:
    """One progress line for people: what was made or kept, rows and seconds, what was left out."""
    verb = "KEPT" if outcome.reused else "OK  "
    name = outcome.fact if part is None else f"{outcome.fact} {part}"
    line = f"{verb} {name:<34} {outcome.rows:>9,} rows {seconds:7.1f} s"
    left_out = outcome.details.get("files_left_out")
    return line if left_out is None else f"{line}; files: {left_out}"


@contextmanager
def _naming_full_disks(home: Home) -> Iterator[None]:
    """Every library tells a disk's refusal by an error of its own, few of them by OSError."""
    try:
        yield
    except InfluenceError:
        raise
    except Exception as error:
        refusal = next((words for words in _REFUSALS if words in str(error)), None)
        if refusal is None:
            raise
        raise WarehouseError(
            f"{home.path}: cannot be written: {refusal} ({error}). "
            "Remedy: free disk space or choose a writable folder with --warehouse DIR."
        ) from error


@contextmanager
def _noting_failure(step: Step, home: Home, part: Part | None) -> Iterator[None]:
    if not step.is_of_runs or part is None:
        yield
        return
    try:
        yield
    except Exception as error:
        write_failure(home, part, error)
        raise
    failure_path(home, part).unlink(missing_ok=True)
