"""Workers: the parts of a study, dealt out to any number of processes and machines.

Shards of scores and unlearning runs do not need each other, only facts that were made before.
Worker i of n takes every n-th part, so no two take the same one and none has to ask another;
all write to one lake, each part as files of its own, whole or not at all.
Does not belong here: starting processes (Slurm, Kubernetes, a shell: docs/clusters/).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from influence_warehouse.attribution.stage import require_preconditioner
from influence_warehouse.errors import HealthError, InfluenceError, StudyError
from influence_warehouse.facts import Lake, Part
from influence_warehouse.making import made_line, make_step, partition_name
from influence_warehouse.progress import working
from influence_warehouse.records import Started
from influence_warehouse.steps import Step, steps
from influence_warehouse.study import Study
from influence_warehouse.unlearning.plan import partition_keys, unlearning_section

Kind = Literal["shards", "runs"]


def work(study: Study, lake: Lake, kind: Kind, worker: int, of: int) -> Iterator[str]:
    """Make the worker's parts that are missing or stale; a progress line for each fact.

    `worker` counts from 0 to `of` - 1. Raises StudyError for a worker out of range, InputError
    for a study without unlearning, FactError when what the parts need is missing or breaks its
    expectations, and after the other runs are done HealthError naming unlearning runs that
    failed.
    """
    if not 0 <= worker < of:
        raise StudyError(
            f"--worker {worker} --of {of}: workers are counted from 0 to {of - 1}. "
            "Remedy: start the array at 0, or subtract 1."
        )
    if kind == "runs":
        unlearning_section(study)
    chosen = [step for step in steps(study) if step.parts == kind]
    _require_checked(study, lake, kind)
    mine = parts_of(study, lake, kind)[worker::of]
    yield f"worker {worker} of {of}: {len(mine)} {kind}"
    failed = []
    for part in mine:
        try:
            yield from _make(chosen, study, lake, part)
        except InfluenceError as error:
            if kind == "shards":
                raise
            failed.append(f"{part}: {error}")
    if failed:
        raise HealthError(
            f"{len(failed)} of {len(mine)} unlearning runs failed:\n  "
            + "\n  ".join(failed)
            + "\nRemedy: start the worker again; only these are tried again."
        )


def parts_of(study: Study, lake: Lake, kind: Kind) -> Sequence[Part]:
    """All parts of the study, in an order that every worker sees alike."""
    return range(study.sampling.shards) if kind == "shards" else partition_keys(lake)


def _make(chosen: list[Step], study: Study, lake: Lake, part: Part) -> Iterator[str]:
    for step in chosen:
        started = Started()
        with working(f"{step.facts[0]} {partition_name(part)}"):
            results = make_step(step, study, lake, part)
        for outcome, _ in results:
            yield made_line(outcome, started, part)


def _require_checked(study: Study, lake: Lake, kind: Kind) -> None:
    """Ask for what Dagster's blocking checks would: a worker has no such gate before it."""
    from influence_warehouse.sampling.expectations import SAMPLE_GUARD
    from influence_warehouse.unlearning.expectations import SETS_GUARD

    SAMPLE_GUARD.require_passed(lake)
    if kind == "shards":
        require_preconditioner(study, lake)
    else:
        SETS_GUARD.require_passed(lake)
