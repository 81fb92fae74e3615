"""Workers: the parts of a study, dealt out to any number of processes and machines.

Shards of scores and runs of a plan do not need each other, only facts that were made before.
Worker i of n takes every n-th part, so no two take the same one and none has to ask another;
all write to one lake, each part as files of its own, whole or not at all.
Does not belong here: starting processes (Slurm, Kubernetes, a shell: docs/clusters/).
"""

from collections.abc import Iterator
from typing import Literal

from influence_warehouse.errors import HealthError, InfluenceError, InputError, StudyError
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.records import Timer
from influence_warehouse.pipeline.making import made_line, make_step
from influence_warehouse.pipeline.steps import RUNS, Step, steps
from influence_warehouse.progress import working
from influence_warehouse.study.study import Study

Kind = Literal["shards", "runs", "retrainings"]


def work(study: Study, lake: Lake, kind: Kind, worker: int, of: int) -> Iterator[str]:
    """Make the worker's parts that are missing or stale; a progress line for each fact.

    `worker` counts from 0 to `of` - 1. Raises StudyError for a worker out of range, InputError
    for a study without such runs, FactError when what the parts need is missing or breaks its
    expectations, and after the other runs are done HealthError naming those that failed.
    """
    if not 0 <= worker < of:
        raise StudyError(
            f"--worker {worker} --of {of}: workers are counted from 0 to {of - 1}. "
            "Remedy: start the array at 0, or subtract 1."
        )
    chosen = [step for step in steps(study) if step.parts == kind]
    if not chosen:
        raise InputError(
            f"study {study.name}: no section `{RUNS[kind]}`. "
            f"Remedy: add one; see docs/{RUNS[kind]}.md."
        )
    for step in chosen:
        step.require_guarded(study, lake)
    mine = chosen[0].part_keys(study, lake)[worker::of]
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
            f"{len(failed)} of {len(mine)} {RUNS[kind]} runs failed:\n  "
            + "\n  ".join(failed)
            + "\nRemedy: start the worker again; only these are tried again."
        )


def _make(chosen: list[Step], study: Study, lake: Lake, part: Part | None) -> Iterator[str]:
    for step in chosen:
        started = Timer()
        with working(f"{step.facts[0]} {part}"):
            results = make_step(step, study, lake, part)
        for outcome, _ in results:
            yield made_line(outcome, started.seconds, part)
