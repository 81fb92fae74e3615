"""Processes that are killed without warning, at chosen moments, and what they leave behind.

Belongs here: starting, killing, and counting the moments. A moment is a change that Python asks
the file system for (a file opened for writing, a rename, a deletion), told by an audit hook, or a
time. Does not belong here: what must hold afterwards (the tests).
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_step
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.study.load import load_study

# Loaded once and forked from then on: a start costs 50 milliseconds in place of 10 seconds.
_HEAVY = [
    "bergson.build",
    "bergson.hessians.hessian_approximations",
    "bergson.score.score",
    "datasets",
    "duckdb",
    "peft",
    "polars",
    "tests.killing",
    "torch",
    "transformers",
]
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
_WRITING = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True)
class Work:
    """A function and its arguments, for a process of its own."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    folder: Path


@dataclass(frozen=True)
class Ended:
    """How a process ended: `killed` or by itself, after how many changes and seconds."""

    killed: bool
    changes: int
    seconds: float


def run(work: Work, at_change: int | None = None, at_second: float | None = None) -> Ended:
    """Do the work in a process that dies before its change number `at_change` (from 1), or
    after `at_second` seconds; unbroken without either. Raises RuntimeError if the work fails."""
    context = _context()
    changes = context.Value("i", 0)
    process = context.Process(target=_do, args=(work, changes, at_change))
    started = time.monotonic()
    process.start()
    process.join(at_second)
    if process.is_alive():
        # With its children, if it came to make its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.kill()
        process.join()
    seconds = time.monotonic() - started
    if process.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{work}: ended with status {process.exitcode}")
    return Ended(process.exitcode != 0, changes.value, seconds)


@cache
def _context() -> ForkServerContext:
    """Processes forked from one that has loaded everything, and done nothing yet."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_HEAVY)
    # So that no later time holds the loading.
    first = context.Process(target=int)
    first.start()
    first.join()
    return context


def make_named_step(file: str, root: Path, name: str, part: int | str | None) -> None:
    """Make one step of a study, or one part of it, as a run does it."""
    study = load_study(file)
    step = next(step for step in steps(study) if step.name == name)
    make_step(step, study, Lake(Home(root, study.name)), part)


def _do(work: Work, changes: Any, at_change: int | None) -> None:
    os.setpgrp()
    place = str(work.folder)

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        # `open` tells path, mode and flags.
        is_change = event in _CHANGES or (event == "open" and (arguments[2] or 0) & _WRITING)
        if is_change and str(arguments[0]).startswith(place):
            changes.value += 1
            if changes.value == at_change:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    work.function(*work.arguments)
