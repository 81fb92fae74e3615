"""Making a step, or one part of it: run it, and leave its record or its failure beside the facts.

What Dagster's assets and the workers of a cluster share. Belongs here: the order of running
and noting. Does not belong here: which steps there are (`steps`) and what is noted (`records`).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from influence_warehouse.errors import InfluenceError, InputError, WarehouseError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Outcome, Part
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import Timer, failure_path, write_failure, write_record
from influence_warehouse.pipeline.parts import are_related
from influence_warehouse.pipeline.steps import Step, steps
from influence_warehouse.study.study import Study

# The system's words for ENOSPC, EFBIG, EDQUOT and EROFS, which errors of any type hand on.
_REFUSALS = tuple(os.strerror(n) for n in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS))


def make_step(
    step: Step, study: Study, lake: Lake, part: Part | None = None
) -> list[tuple[Outcome, str]]:
    """Run a step, or one part of it; each outcome with the digest of its fact's fingerprint.

    What is current is kept. Raises what the step raises, and WarehouseError where that was some
    library's word for a disk that refuses; of an unlearning run the error is
    noted, too, where `influence status` and the tables find it.
    """
    started = Timer()
    with _noting_failure(step, lake.home, part), _naming_full_disks(lake.home):
        _require_current_inputs(step, study, lake, part)
        made = step.run(study, lake, *([] if part is None else [part]))
        results = []
        for outcome in [made] if isinstance(made, Outcome) else made:
            digest = _digest_of(lake, outcome, part)
            write_record(lake.home, outcome, digest, started, part)
            results.append((outcome, digest))
        return results


def _require_current_inputs(step: Step, study: Study, lake: Lake, part: Part | None) -> None:
    """Raise FactError, listing every difference, when a fact that the step reads is missing or
    was made from something else than the study would make it from now.

    Unlearning runs excepted, of which those that are done are read. What was made from an input
    file that is not on this machine, as a worker may run without the corpus, has to be there.
    """
    makers = {fact: other for other in steps(study) for fact in other.facts if fact in CONTRACTS}
    for need in step.needs:
        maker = makers.get(need)
        if maker is None or maker.parts == "runs":
            continue
        for key in maker.part_keys(study, lake):
            if part is None or key is None or are_related(part, key):
                _require_current(maker, need, study, lake, key)


def _require_current(maker: Step, fact: str, study: Study, lake: Lake, key: Part | None) -> None:
    try:
        expected = maker.expected(study, lake, *([] if key is None else [key]))
    except InputError:
        lake.require(fact, key)
    else:
        lake.require_expected(Fingerprint(fact, expected.parts), key)


def made_line(outcome: Outcome, started: Timer, part: Part | None = None) -> str:
    """One progress line for people: what was made or kept, rows and seconds, what was left out."""
    verb = "KEPT" if outcome.reused else "OK  "
    name = outcome.fact if part is None else f"{outcome.fact} {part}"
    line = f"{verb} {name:<34} {outcome.rows:>9,} rows {started.seconds:7.1f} s"
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
    if step.parts != "runs" or part is None:
        yield
        return
    try:
        yield
    except Exception as error:
        write_failure(home, part, error)
        raise
    failure_path(home, part).unlink(missing_ok=True)


def _digest_of(lake: Lake, outcome: Outcome, part: Part | None) -> str:
    if outcome.fact in CONTRACTS:
        return lake.require(outcome.fact, part).digest
    return str(outcome.details["digest"])
