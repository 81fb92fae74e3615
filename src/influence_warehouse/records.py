"""Run records: one small JSON file per fact or folder that was made, for the mart `runs`.

Facts carry no times, so that equal inputs give equal bytes; when and by which software a
fact was made stands here instead. A reused fact keeps the record of its making.
"""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from influence_warehouse.facts import Outcome, write_atomically
from influence_warehouse.layout import Home

_SOFTWARE = (
    "influence-warehouse",
    "bergson",
    "torch",
    "transformers",
    "polars",
    "duckdb",
    "lm-eval",
)


def record_path(home: Home, fact: str, partition: str | None) -> Path:
    """`runs/records/<fact>.json`, or `<fact>--<partition>.json` for a shard."""
    name = fact if partition is None else f"{fact}--{partition}"
    return home.runs / "records" / f"{name}.json"


def write_record(
    home: Home,
    outcome: Outcome,
    fingerprint: str,
    started_at: datetime,
    partition: str | None = None,
) -> None:
    """Note how a fact was made. Does nothing for a reused one that has its record."""
    path = record_path(home, outcome.fact, partition)
    if outcome.reused and path.exists():
        return
    record = {
        "asset": outcome.fact,
        "partition": partition,
        "fact": outcome.fact,
        "fingerprint": fingerprint,
        "rows": outcome.rows,
        "reused": outcome.reused,
        "started_at": started_at.isoformat(timespec="milliseconds"),
        "seconds": round((datetime.now(UTC) - started_at).total_seconds(), 3),
        "software": {name: version(name) for name in _SOFTWARE}
        | {"python": platform.python_version()},
    }
    text = json.dumps(record, sort_keys=True, indent=1)
    write_atomically(path, lambda part: part.write_text(text, encoding="utf-8"))
