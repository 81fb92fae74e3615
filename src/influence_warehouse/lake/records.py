"""Run records: one small JSON file per fact or folder that was made, for the mart `runs`.

A failed unlearning run leaves its error beside them, until it is retried with success.

Facts carry no times, so that equal inputs give equal bytes; when and by which software a
fact was made stands here instead. A reused fact keeps the record of its making.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from influence_warehouse.lake.layout import Home, file_name_of
from influence_warehouse.secrecy import redacted

if TYPE_CHECKING:
    from influence_warehouse.lake.facts import Outcome

_SOFTWARE = (
    "influence-warehouse",
    "bergson",
    "torch",
    "transformers",
    "polars",
    "duckdb",
    "lm-eval",
)


def _core_seconds() -> float:
    """Seconds that cores worked for this process so far, and for its children that have ended."""
    return sum(os.times()[:4])


@dataclass(frozen=True)
class Timer:
    """When something was started: the clock's time for people, and a timer it cannot disturb."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    _timer: float = field(default_factory=time.monotonic)
    _worked: float = field(default_factory=_core_seconds)

    @property
    def seconds(self) -> float:
        """Seconds since then, never negative, wherever the clock was set meanwhile."""
        return time.monotonic() - self._timer

    @property
    def core_seconds(self) -> float:
        """Seconds that cores worked since then, in this process and its ended children."""
        return _core_seconds() - self._worked


def _processor() -> str:
    """Name of the GPU that torch found, or the machine's kind of processor."""
    torch = sys.modules.get("torch")  # Steps that have not loaded it have not used a GPU.
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return platform.machine()


def record_path(home: Home, fact: str, part: str | None) -> Path:
    """`runs/records/<fact>.json`, or `<fact>--<part>.json` for a shard or a run."""
    name = fact if part is None else f"{fact}--{file_name_of(part)}"
    return home.runs / "records" / f"{name}.json"


def failure_path(home: Home, part: str) -> Path:
    """Where the error of a failed unlearning run stands until it succeeds."""
    return home.runs / "failures" / f"{file_name_of(part)}.txt"


def write_failure(home: Home, part: str, error: Exception) -> None:
    """Note why an unlearning run failed: its error, one line."""
    from influence_warehouse.lake.facts import write_atomically

    text = redacted(f"{type(error).__name__}: {' '.join(str(error).split())}")[:500]
    path = failure_path(home, part)
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def failure_of(home: Home, part: str) -> str | None:
    """The error that `write_failure` noted, or None."""
    path = failure_path(home, part)
    return path.read_text(encoding="utf-8") if path.exists() else None


def recorded_fingerprint(home: Home, fact: str, part: str | None) -> str | None:
    """Digest of what a fact was made from, as its record says; None where there is none."""
    digest = _record(home, fact, part).get("fingerprint")
    return None if digest is None else str(digest)


def recorded_rows(home: Home, fact: str, part: str | None) -> int:
    """Rows of a fact, or what a folder holds, as its record says; 0 where there is none."""
    return int(_record(home, fact, part).get("rows", 0))


def _record(home: Home, fact: str, part: str | None) -> dict[str, Any]:
    try:
        record = json.loads(record_path(home, fact, part).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) and "part" in record else {}


def recorded_fingerprints(home: Home) -> set[tuple[str, str | None, str]]:
    """Fact, part (None of a whole fact) and digest of every record."""
    return {(each["fact"], each["part"], each["fingerprint"]) for each in _records(home)}


def _records(home: Home) -> Iterator[dict[str, Any]]:
    """All records in the order of their files; those of a version before `part` are left out."""
    for path in sorted((home.runs / "records").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if "part" in record:
            yield record


def write_records_table(home: Home) -> None:
    """Write all records into one Parquet file, in order, for dbt: it has its columns without any
    record, too."""
    import polars as pl

    from influence_warehouse.lake.contracts import RUN_RECORDS
    from influence_warehouse.lake.facts import write_atomically

    rows = [_row(record) for record in _records(home)]
    table = pl.DataFrame(rows, schema=RUN_RECORDS.columns, orient="row")
    write_atomically(home.records_table, table.sort(RUN_RECORDS.key).write_parquet)


def _row(record: dict[str, Any]) -> tuple[object, ...]:
    """A record in the columns of its table, its time in UTC."""
    started = datetime.fromisoformat(record["started_at"]).astimezone(UTC).replace(tzinfo=None)
    described = (record[name] for name in ("asset", "part", "fact", "fingerprint", "rows"))
    software = json.dumps(record["software"], sort_keys=True, separators=(",", ":"))
    # Records of an earlier version do not tell what cores worked and how much was written.
    costs = (record["seconds"], record.get("core_seconds"), record.get("bytes"))
    return *described, record["reused"], started, *costs, software


def drop_records(home: Home, fact: str) -> None:
    """Delete the records of a fact and of its parts."""
    for pattern in (f"{fact}.json", f"{fact}--*.json"):
        for path in (home.runs / "records").glob(pattern):
            path.unlink()


def write_record(
    home: Home,
    outcome: "Outcome",
    fingerprint: str,
    started: Timer,
    part: str | None = None,
) -> None:
    """Note how a fact was made. Does nothing for a reused one that has its record."""
    from influence_warehouse.lake.facts import write_atomically

    path = record_path(home, outcome.fact, part)
    # A process that was killed between a fact and its record left the record of an earlier one.
    if outcome.reused and recorded_fingerprint(home, outcome.fact, part) == fingerprint:
        return
    record = {
        "asset": outcome.fact,
        "part": part,
        "fact": outcome.fact,
        "fingerprint": fingerprint,
        "rows": outcome.rows,
        "reused": outcome.reused,
        "started_at": started.at.isoformat(timespec="milliseconds"),
        "seconds": round(started.seconds, 3),
        "core_seconds": round(started.core_seconds, 3),
        "bytes": outcome.n_bytes,
        "software": {name: version(name) for name in _SOFTWARE}
        | {"python": platform.python_version(), "processor": _processor()},
    }
    text = json.dumps(record, sort_keys=True, indent=1)
    write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))
