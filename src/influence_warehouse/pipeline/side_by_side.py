"""Runs of a small model, made by a process a core.

A run of a small model gains little from a second thread, two runs beside each other nearly double
what a machine does. Facts come out the same: such a run takes one thread wherever it is made.
Belongs here: starting and ending the processes. Does not belong here: a run (`unlearning.runs`,
`retraining.runs`), dealing parts out to machines (`workers`).
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context, parent_process

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.steps import are_runs_small, steps
from influence_warehouse.progress import be_silent
from influence_warehouse.study.study import Study

# Each holds its own model and libraries, half a gigabyte.
_MOST = 8


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
    processes = min(_cores(), len(run_ids), _MOST)
    if processes < 2 or not are_runs_small(kind, study, lake):
        yield lambda key: None
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin) as pool:
        futures: dict[str, Future[None]] = {
            key: pool.submit(_make, kind, study, lake.home, key) for key in run_ids
        }
        try:
            yield lambda key: wait([futures[key]] if key in futures else []) and None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _cores() -> int:
    """Cores that this process may use."""
    own = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(int(own), cores or 1) if own.isdigit() else cores or 1


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


def _make(kind: str, study: Study, home: Home, run_id: str) -> None:
    from influence_warehouse.pipeline.making import make_step

    lake = Lake(home)
    for step in steps(study):
        if step.parts == kind:
            make_step(step, study, lake, run_id)
