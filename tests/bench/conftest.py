"""After the benchmarks: ratios to the terminal, to JSON and into docs/performance.md.

Only `make bench` collects the files bench_*.py. Does not belong here: measuring (`side_by_side`).
"""

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.side_by_side import ROOT

BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
HEADER = (
    "| what | alternative | seconds | core-seconds | peak MB | ratio |\n"
    "|---|---|---:|---:|---:|---:|\n"
)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the table where BENCH_OUTPUT says, and into the docs when BENCH_DOCS is set."""
    session = getattr(config, "_benchmarksession", None)
    measured = [bench.extra_info for bench in session.benchmarks] if session else []
    measured = [found for found in measured if "claim" in found]
    if not measured:
        return
    table = HEADER + "".join(row for found in measured for row in _rows(found))
    terminalreporter.write_line("\n" + table)
    output = Path(os.environ.get("BENCH_OUTPUT", ROOT / ".bench"))
    output.mkdir(parents=True, exist_ok=True)
    machine = {"processor": platform.processor(), "cores": os.cpu_count()}
    content = {"machine": machine, "python": platform.python_version(), "measured": measured}
    (output / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (output / "results.md").write_text(table, encoding="utf-8")
    if os.environ.get("BENCH_DOCS"):
        _replace(Path(os.environ["BENCH_DOCS"]), table)


def _rows(found: dict[str, Any]) -> Iterator[str]:
    base = next(iter(found["times"].values()))
    for position, (name, time) in enumerate(found["times"].items()):
        ratio = time["seconds"] / base["seconds"]
        told = "1" if position == 0 else f"{ratio:.3g}"
        if position == 1:
            told += _promise(found["bounds"])
        peak = "" if time["peak_mb"] is None else f"{time['peak_mb']:,}"
        what = found["claim"] if position == 0 else ""
        yield (
            f"| {what} | {name} | {time['seconds']:.3g} | {time['core_seconds']:.3g} "
            f"| {peak} | {told} |\n"
        )


def _promise(bounds: dict[str, float]) -> str:
    words = {
        "at_most": "at most {:g}",
        "at_least": "at least {:g}",
        "seconds": "at most {:g} s",
        "peak_mb": "at most {:,.0f} MB",
    }
    told = [words[name].format(value) for name, value in bounds.items()]
    return f" ({', '.join(told)})" if told else ""


def _replace(page: Path, table: str) -> None:
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + "\n" + table + "\n" + END + after, encoding="utf-8")
