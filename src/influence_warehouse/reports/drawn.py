"""What the files of a chart were drawn from, noted so that a chart is drawn once for its rows.

Does not belong here: drawing (`gallery`) and what made the tables (`lake.records`).
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import polars as pl

from influence_warehouse.lake.facts import write_atomically
from influence_warehouse.lake.fingerprint import digest_of, digest_of_file
from influence_warehouse.lake.layout import Home


def digest_of_drawing(rows: pl.DataFrame) -> str:
    """Of rows, and of the code and the libraries that draw them: equal ones give equal pictures."""
    text = rows.write_ndjson()
    return digest_of([hashlib.sha256(text.encode()).hexdigest(), rows.columns, _drawn_by()])


def files_drawn_from(home: Home, name: str, digest: str) -> list[Path] | None:
    """The chart's files, where all are there and were drawn from exactly this; else None."""
    note = _note(home, name)
    if note.get("digest") != digest:
        return None
    paths = [home.charts / file for file in note["files"]]
    return paths if all(path.is_file() for path in paths) else None


def noted_digest(home: Home, name: str) -> str | None:
    """What the chart was drawn from last; None for one that was never drawn."""
    return _note(home, name).get("digest")


def note_drawn(home: Home, name: str, digest: str, paths: Iterable[Path]) -> None:
    """Note from what a chart's files, all in the home's charts, were drawn."""
    text = json.dumps({"digest": digest, "files": [path.name for path in paths]})
    write_atomically(_place(home, name), lambda part: part.write_text(text, encoding="utf-8"))


def _note(home: Home, name: str) -> dict:
    try:
        note = json.loads(_place(home, name).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return note if isinstance(note, dict) and {"digest", "files"} <= set(note) else {}


def _place(home: Home, name: str) -> Path:
    return home.runs / "charts" / f"{name}.json"


@cache
def _drawn_by() -> list[str]:
    libraries = [version(name) for name in ("altair", "vl-convert-python")]
    return [digest_of_file(Path(__file__).parent), *libraries]
