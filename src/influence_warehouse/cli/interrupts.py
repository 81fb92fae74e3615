"""Ending when told to: one line, the status that shells expect, and no process left behind.

Everything that this project writes is whole or not there, so it may end at any moment. A thread
does it at once: the libraries below would answer with tracebacks and reports of leaks.
Belongs here: that alone. Does not belong here: `join`, which ends its processes by itself.
"""

import contextlib
import os
import signal
import sys
import threading

STOPPED = "stopped; run again to go on"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SECONDS_TO_END = 2.0


def end_when_told() -> None:
    """From now on end this process and its children on SIGINT (status 130) or SIGTERM (143).

    Works whatever handlers a library installs, and while it computes: Python writes the number
    of each signal to a pipe, which a thread of its own reads.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _SIGNALS:
        # Python is told of signals only that have a handler.
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_wait, args=(reading,), daemon=True).start()


def end_by_oneself() -> None:
    """Take `end_when_told` back, for what ends its own processes."""
    signal.set_wakeup_fd(-1)


def _wait(reading: int) -> None:
    while True:
        for number in os.read(reading, 16):
            if number in _SIGNALS:
                _end(number)


def _end(number: int) -> None:
    with contextlib.suppress(OSError):
        # A progress bar may stand in this line.
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        os.write(2, f"{start}{STOPPED}\n".encode())
    _say_no_more()
    _end_children()
    os._exit(128 + number)


def _say_no_more() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            os.dup2(nowhere, stream)


def _end_children() -> None:
    import psutil

    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.Error):
            child.terminate()
    _, left = psutil.wait_procs(children, timeout=_SECONDS_TO_END)
    for child in left:
        with contextlib.suppress(psutil.Error):
            child.kill()
