"""Progress for people, in one style, on stderr.

In a terminal one line that is written over, twice a second, so that something always moves;
elsewhere, as in a log, a line every 30 seconds. What is done stands in lines that stay (`say`).
Belongs here: what is shown, when and how. Does not belong here: how much work a step is
(`planning.weights`).
"""

import re
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO, TypeVar

T = TypeVar("T")

TERMINAL_SECONDS, LOG_SECONDS = 0.5, 30.0
_CLEAR = "\r\x1b[K"
# Of a whole run less is known at its start than any number could say.
_LEAST_SHARE = 0.02


@dataclass
class Activity:
    """Something that takes a while: `done` of `total` units, where they are counted."""

    label: str
    total: int | None = None
    unit: str = ""
    done: int = 0
    began: float = field(default_factory=time.monotonic)

    def advance(self, count: int = 1) -> None:
        self.done += count

    @property
    def share(self) -> float:
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def text(self) -> str:
        passed = time.monotonic() - self.began
        if not self.total:
            counted = f"{self.done:,} {self.unit}, " if self.done else ""
            return f"{self.label}: {counted}{_clock(passed)}"
        left = ""
        if 0 < self.share < 1:
            left = f", {_clock(passed / self.share * (1 - self.share))} left"
        return f"{self.label}: {self.done:,} of {self.total:,} {self.unit}, {self.share:.0%}{left}"


class WholeRun:
    """How much of a run is done, by weights of its steps; time left follows from its own pace."""

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}
        self._done: dict[str, float] = {}
        self._began = time.monotonic()
        self._shown = 0.0

    def expect(self, weights: dict[str, float]) -> None:
        """Say how long steps take beside each other; what was done counts with its new weight."""
        self._weights = weights

    def finish(self, step: str, share: float = 1.0) -> None:
        """Add a share of a step, a part of it, as done."""
        self._done[step] = min(self._done.get(step, 0.0) + share, 1.0)

    def skip(self, step: str, share: float = 1.0) -> None:
        """Leave out what was made by an earlier run: it says nothing of this one's pace."""
        self._weights[step] = self._weights.get(step, 0.0) * (1 - share)

    def share(self, step: str = "", of_step: float = 0.0) -> float:
        """Done of the whole, with `of_step` of the step that is at work, 0 to 1."""
        total = sum(self._weights.values())
        done = sum(self._weights.get(name, 0.0) * part for name, part in self._done.items())
        done += self._weights.get(step, 0.0) * of_step
        return min(done / total, 1.0) if total else 0.0

    def text(self, step: str = "", of_step: float = 0.0) -> str:
        # What is counted within a step may begin anew; what was shown of the run stays.
        share = self._shown = max(self._shown, self.share(step, of_step))
        if share < _LEAST_SHARE:
            return ""
        left = (time.monotonic() - self._began) / share * (1 - share)
        return f"run {share:.0%}, about {_clock(left)} left"


class _Board:
    """What is at work, innermost last, drawn by a thread while there is something."""

    def __init__(self) -> None:
        self.silent = False
        self.whole: WholeRun | None = None
        self.step = ""
        self.part = 1.0
        self._activities: list[Activity] = []
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stream: TextIO = sys.stderr
        self._is_drawn = False

    def push(self, activity: Activity) -> None:
        with self._lock:
            self._activities.append(activity)
            if len(self._activities) > 1 or self.silent:
                return
            self._stream = sys.stderr
            self._wake = threading.Event()
            threading.Thread(target=self._draw_on, args=(self._wake,), daemon=True).start()

    def pop(self, activity: Activity) -> None:
        with self._lock:
            self._activities.remove(activity)
            if not self._activities:
                self._wake.set()
                self._clear()

    def print_progress(self, line: str) -> None:
        with self._lock:
            self._clear()
            stream = self._stream if self._activities else sys.stderr
            print(line, file=stream, flush=True)

    def _draw_on(self, stop: threading.Event) -> None:
        is_terminal = _is_terminal(self._stream)
        while not stop.wait(TERMINAL_SECONDS if is_terminal else LOG_SECONDS):
            with self._lock:
                if stop.is_set():
                    return
                self._draw(is_terminal)

    def _draw(self, is_terminal: bool) -> None:
        inner = self._activities[-1]
        parts = [inner.text()]
        if self.whole is not None:
            # An inner count is not that of the step where the step counts, too.
            of_step = next((a.share for a in self._activities if a.total), 0.0) * self.part
            parts.append(self.whole.text(self.step, of_step))
        line = "; ".join(part for part in parts if part)
        if is_terminal:
            width = shutil.get_terminal_size().columns
            self._stream.write(f"{_CLEAR}{line[: width - 1]}")
            self._is_drawn = True
        else:
            self._stream.write(f"...  {line}\n")
        self._stream.flush()

    def _clear(self) -> None:
        if self._is_drawn:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._is_drawn = False


# Asked before Dagster puts a pipe in the terminal's place, which writes on to it.
_STDERR, _STDERR_IS_TERMINAL = sys.stderr, sys.stderr is not None and sys.stderr.isatty()


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() or (stream is _STDERR and _STDERR_IS_TERMINAL)


_board = _Board()


def print_progress(line: str) -> None:
    """A line that stays, on stderr: stdout is for results."""
    _board.print_progress(line)


def be_silent() -> None:
    """Show nothing in this process from now on: another one tells."""
    _board.silent = True


@contextmanager
def working(label: str, total: int | None = None, unit: str = "") -> Iterator[Activity]:
    """Show that `label` is at work until the block ends; `advance` counts its units."""
    activity = Activity(label, total, unit)
    _board.push(activity)
    try:
        yield activity
    finally:
        _board.pop(activity)


def counted(items: Iterable[T], label: str, unit: str, total: int | None = None) -> Iterator[T]:
    """The items, each counted when the next one is asked for."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with working(label, total, unit) as activity:
        for item in items:
            yield item
            activity.advance()


@contextmanager
def whole_run() -> Iterator[WholeRun]:
    """Tell of a whole run, too, what share of it is done and about how long it still takes."""
    _board.whole = WholeRun()
    try:
        yield _board.whole
    finally:
        _board.whole = None


@contextmanager
def step_of_run(step: str, label: str, share: float = 1.0) -> Iterator[None]:
    """Show a step, or `share` of it, at work; `finished` counts it."""
    outer = _board.step, _board.part
    _board.step, _board.part = step, share
    try:
        with working(label):
            yield
    finally:
        _board.step, _board.part = outer


def finished(step: str, share: float = 1.0, reused: bool = False) -> None:
    """Count a step, or a share of it, of the whole run, if one is told of."""
    if _board.whole is not None:
        (_board.whole.skip if reused else _board.whole.finish)(step, share)


class LibraryProgress:
    """A text stream for the progress bars of a library: their counts go to an activity.

    A bar is written as `12/345` with something before and after; all else is written to `log`.
    """

    def __init__(self, activity: Activity, log: TextIO):
        self._activity, self._log = activity, log

    def write(self, text: str) -> int:
        found = re.findall(r"\b(\d+)/(\d+)\b", text)
        if "%|" in text and found:
            self._activity.done, self._activity.total = map(int, found[-1])
        else:
            self._log.write(text)
        return len(text)

    def flush(self) -> None:
        self._log.flush()

    def isatty(self) -> bool:
        return False


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
