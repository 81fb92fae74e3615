"""Progress: one line in a terminal, a line every half minute in a log, the run's share and time."""

import io
import re
import time

import pytest

from influence_warehouse import progress
from influence_warehouse.progress import (
    Activity,
    LibraryProgress,
    WholeRun,
    counted,
    finished,
    print_progress,
    step_of_run,
    whole_run,
    working,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown(monkeypatch):
    """What is written to stderr when lines come every 20 milliseconds."""

    def on(stream: io.StringIO) -> io.StringIO:
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setattr(progress, "TERMINAL_SECONDS", 0.02)
        monkeypatch.setattr(progress, "LOG_SECONDS", 0.02)
        return stream

    return on


def test_a_terminal_has_one_line_that_is_taken_away(shown):
    stream = shown(Terminal())
    for _ in counted(range(4), "reading", "files"):
        time.sleep(0.05)
    text = stream.getvalue()
    assert "\n" not in text
    assert re.search(r"\r\x1b\[Kreading: 2 of 4 files, 50%, 0:0\d left", text)
    assert text.endswith("\r\x1b[K")


def test_a_log_has_lines_and_no_control_characters(shown):
    stream = shown(io.StringIO())
    with working("tables"):
        time.sleep(0.1)
    lines = stream.getvalue().splitlines()
    assert 1 <= len(lines) <= 5
    assert set(lines) == {"...  tables: 0:00"}
    assert "\r" not in stream.getvalue()


def test_a_log_says_nothing_of_what_is_quick(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    assert progress.LOG_SECONDS == 30
    with working("tables"):
        print_progress("OK   tables")
    assert stream.getvalue() == "OK   tables\n"


def test_lines_that_stay_are_not_written_over(shown):
    stream = shown(Terminal())
    with working("unlearning", 2, "runs") as activity:
        time.sleep(0.05)
        print_progress("OK   1/2")
        activity.advance()
        time.sleep(0.05)
    assert "\r\x1b[KOK   1/2\n" in stream.getvalue()


def test_a_whole_run_tells_its_share_and_never_goes_back():
    run = WholeRun()
    run.expect({"a": 1.0, "b": 3.0, "c": 4.0})
    run.finish("a")
    assert run.share() == pytest.approx(1 / 8)
    assert run.share("b", 0.5) == pytest.approx(2.5 / 8)
    run.finish("b", 1 / 3)
    assert run.share() == pytest.approx(2 / 8)
    assert run.text("b", 0.5).startswith("run 44%")
    assert run.text("b", 0.0).startswith("run 44%")
    run.skip("c")  # kept from an earlier run
    assert run.share() == pytest.approx(2 / 4)


def test_the_share_of_the_run_stands_beside_what_is_at_work(shown):
    stream = shown(io.StringIO())
    with whole_run() as run:
        run.expect({"make_a": 1.0, "make_b": 1.0})
        finished("make_a")
        with step_of_run("make_b", "b"), working("inner", 4, "batches") as activity:
            activity.advance(2)
            time.sleep(0.1)
    assert re.search(
        r"inner: 2 of 4 batches, 50%, .* left; run 75%, about 0:00 left", stream.getvalue()
    )


def test_a_library_s_bar_becomes_a_count_and_its_words_go_to_the_log():
    activity, log = Activity("gradients", unit="batches"), io.StringIO()
    stream = LibraryProgress(activity, log)
    print("please pip install kernels", file=stream)
    stream.write("\rNew worker - Collecting gradients:  44%|####  | 12/27 [00:03<00:04, 3.2it/s]")
    assert (activity.done, activity.total) == (12, 27)
    assert log.getvalue() == "please pip install kernels\n"
