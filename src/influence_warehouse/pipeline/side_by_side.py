"""Parts of a study with a small model, made by a process a core.

Such a part gains little from a second thread, two beside each other nearly double what a machine
does. Facts come out the same: a small model takes one thread wherever it is asked.
Belongs here: starting and ending the processes. Does not belong here: what a part is, dealing
parts out to machines (`workers`).
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context, parent_process
from typing import TypeAlias

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake, Outcome, Part
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.records import Timer
from influence_warehouse.models.small import is_small
from influence_warehouse.pipeline.identity import fingerprints, is_current
from influence_warehouse.pipeline.making import make_step
from influence_warehouse.pipeline.steps import Step, steps
from influence_warehouse.progress import be_silent
from influence_warehouse.study.study import Study

# Outcomes of a part's facts, each with the digest of what it was made from; and how long it took.
Results: TypeAlias = list[tuple[Outcome, str]]
Taken: TypeAlias = tuple[Results, float]

# Each holds its own model and libraries, half a gigabyte.
_MOST = 8
# A process needs seconds to begin, as long as some hundred documents take.
_WORTH_DOCUMENTS = 1_000


@contextmanager
def side_by_side(
    kind: str, study: Study, lake: Lake, run_ids: Sequence[str]
) -> Iterator[Callable[[str], None]]:
    """Start making these runs of a kind (`steps.RUNS`); yields a function that waits until one was
    made or failed.

    It returns at once where one process is as good: for few runs, large models, on an
    accelerator, and for a user who set OMP_NUM_THREADS=1. What failed is for the caller to try
    again, and to tell. The processes end with the block, and with this process however it ends.
    """
    processes = min(most_processes(), len(run_ids))
    if processes < 2 or not _are_small(study, lake):
        yield lambda key: None
        return
    with _pool(processes) as pool:
        futures = {key: pool.submit(_make_run, kind, study, lake.home, key) for key in run_ids}
        yield lambda key: wait([futures[key]] if key in futures else []) and None


@contextmanager
def helped(
    step: Step, study: Study, lake: Lake, keys: Sequence[Part | None]
) -> Iterator[Callable[[Part | None], Taken | None]]:
    """While the caller makes a step's parts from the first on, let others make them from the last.

    Yields a function that says what another process made of a part and in how many seconds,
    waiting where it is at work.
    None: the caller is to make it, as all of them where one process is as good (`side_by_side`),
    and one that failed, whose error is for the caller to meet.
    """
    unmade = _unmade(step, study, lake, keys) if _pays(step, study, lake) else []
    processes = min(most_processes(), len(unmade)) - 1
    if processes < 1:
        yield lambda key: None
        return
    with _pool(processes) as pool:
        last_first = reversed(unmade)
        yield partial(
            _taken, {key: pool.submit(_make_part, step, study, lake, key) for key in last_first}
        )


def _taken(futures: Mapping[Part | None, Future[Taken]], key: Part | None) -> Taken | None:
    future = futures.get(key)
    if future is None or future.cancel() or future.exception() is not None:
        return None
    return future.result()


def _unmade(step: Step, study: Study, lake: Lake, keys: Sequence[Part | None]) -> list[Part | None]:
    """The parts to make; none where what they need is missing, which making one says in full."""
    try:
        return [
            key
            for key in keys
            if not is_current(step, lake, fingerprints(step, study, lake, key), key)
        ]
    except FactError:
        return []


def _pays(step: Step, study: Study, lake: Lake) -> bool:
    """Whether a part is long, of a small model, and alone in what it writes."""
    if step.parts not in ("prepared_cells", "shards"):
        return False
    one_process = study.compute.processes == study.compute.nodes == 1
    methods = study.attribution.methods
    # Words and random numbers take no time; stored gradients are found by the next method.
    long = any(method.needs in ("gradients", "model") for method in methods)
    apart = not any(getattr(method, "store_gradients", False) for method in methods)
    return (
        one_process
        and long
        and apart
        and lake.rows("sampling_manifest") >= _WORTH_DOCUMENTS
        and _are_small(study, lake)
    )


@contextmanager
def _pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block, whatever is left to do."""
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def most_processes() -> int:
    """As many as there are cores for this process, or as OMP_NUM_THREADS says; 8 at most."""
    own = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(int(own) if own.isdigit() else _MOST, cores or 1, _MOST)


def _are_small(study: Study, lake: Lake) -> bool:
    return all(is_small(study.narrowed(model.name), lake.home) for model in study.models)


def _begin() -> None:
    # The terminal sends Ctrl-C to all of them; the first process says so, once, and ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    be_silent()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _make_part(step: Step, study: Study, lake: Lake, key: Part | None) -> Taken:
    started = Timer()
    return make_step(step, study, lake, key), started.seconds


def _make_run(kind: str, study: Study, home: Home, run_id: str) -> None:
    lake = Lake(home)
    for step in steps(study):
        if step.parts == kind:
            make_step(step, study, lake, run_id)
