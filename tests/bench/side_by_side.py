"""Measuring alternatives in one run, in turn (A B A B), so that a busy machine hits both alike.

Belongs here: rounds, best times, ratios, and processes of their own for peak memory. Does not
belong here: what is measured (`bench_*.py`) and how it is printed (`conftest`).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Time:
    """The best of the rounds: seconds of the clock and of the processor, and peak memory."""

    seconds: float
    core_seconds: float
    peak_mb: int | None = None


def side_by_side(
    benchmark: Any,
    claim: str,
    alternatives: dict[str, Callable[[], Time | None]],
    rounds: int = 3,
    **bounds: float,
) -> dict[str, Time]:
    """Run the alternatives in turn, `rounds` times each, and note the best of each.

    The first is what the others are divided by. An alternative that times itself returns a Time.
    `bounds` are noted beside the result: `at_most` and `at_least` of the second's ratio,
    `seconds` and `peak_mb` of the second, or of the only one.
    """
    times: dict[str, list[Time]] = {name: [] for name in alternatives}

    def run() -> None:
        for _ in range(rounds):
            for name, action in alternatives.items():
                times[name].append(timed(action))

    benchmark.pedantic(run, rounds=1, iterations=1)
    best = {name: _best(found) for name, found in times.items()}
    benchmark.extra_info.update(
        claim=claim,
        rounds=rounds,
        bounds=bounds,
        times={name: asdict(found) for name, found in best.items()},
    )
    return best


def timed(action: Callable[[], Time | None]) -> Time:
    """Time of an action, its child processes included, unless it gives its own."""
    start, clock = time.perf_counter(), os.times()
    found = action()
    if isinstance(found, Time):
        return found
    seconds, now = time.perf_counter() - start, os.times()
    return Time(seconds, sum(now[:4]) - sum(clock[:4]))


def own_process(task: str, *arguments: object) -> Callable[[], Time]:
    """A task of `tests.bench.tasks` in a fresh process, timed there, without its imports."""

    def run() -> Time:
        command = [sys.executable, "-m", "tests.bench.tasks", task, *map(str, arguments)]
        found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if found.returncode:
            raise RuntimeError(f"{task}: {found.stderr[-3000:]}")
        return Time(**json.loads(found.stdout.strip().splitlines()[-1]))

    return run


def _best(found: list[Time]) -> Time:
    peaks = [each.peak_mb for each in found if each.peak_mb is not None]
    return Time(
        min(each.seconds for each in found),
        min(each.core_seconds for each in found),
        max(peaks) if peaks else None,
    )
