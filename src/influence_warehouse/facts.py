"""Facts: the Parquet files under a study's `lake/`, their contracts and their safe writing.

A fact is one file `lake/<fact>.parquet`, or one per shard or run `lake/<fact>/<part>.parquet`.
Every write checks the fact's contract (`contracts`), sorts by its key, writes a temporary file,
flushes it to disk and renames it: a reader sees the old file or the new one, never a part.
The fingerprint of what made the fact is in the file's metadata.
Does not belong here: what a fact means (its stage) and the tables analysts see (dbt).
"""

import json
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.contracts import CONTRACTS
from influence_warehouse.errors import FactError, WarehouseError
from influence_warehouse.fingerprint import Fingerprint
from influence_warehouse.layout import Home, file_name_of

METADATA_KEY = "influence_warehouse"

# One file of a sharded fact: a shard's number, or the partition key of an unlearning run.
Part = int | str


@dataclass(frozen=True)
class Outcome:
    """What making a fact came to: its rows, and whether the one on disk was already right."""

    fact: str
    rows: int
    reused: bool
    details: dict[str, Any] = field(default_factory=dict)


def write_atomically(path: Path, write) -> None:
    """Call `write(temporary path)`, flush the file to disk, then rename it to `path`.

    Raises WarehouseError, naming the file and the remedy, when the disk refuses; the
    temporary file is removed and an earlier `path` is left as it was.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise WarehouseError(
            f"{path}: cannot be written ({error.strerror or error}). "
            "Remedy: free disk space or choose a writable folder with --warehouse DIR."
        ) from error
    finally:
        # A folder's place taken by a file must not hide the error above.
        with suppress(NotADirectoryError):
            temporary.unlink(missing_ok=True)


class Lake:
    """Reads and writes the facts of one study."""

    def __init__(self, home: Home):
        self.home = home

    def path(self, fact: str, shard: Part | None = None) -> Path:
        """File of a fact, or of one shard of it."""
        if CONTRACTS[fact].sharded != (shard is not None):
            raise ValueError(f"{fact}: a shard is given exactly for sharded facts")
        if shard is None:
            return self.home.lake / f"{fact}.parquet"
        name = f"{shard:05d}" if isinstance(shard, int) else file_name_of(shard)
        return self.home.lake / fact / f"{name}.parquet"

    def write(
        self, fact: str, frame: pl.DataFrame, fingerprint: Fingerprint, shard: Part | None = None
    ) -> Path:
        """Write a fact whole. Equal frames give equal bytes, whatever their row order.

        Raises FactError when columns, dtypes, or the key's uniqueness break the contract.
        """
        path = self.path(fact, shard)
        ordered = _conform(fact, frame)
        metadata = {METADATA_KEY: fingerprint.to_json()}
        write_atomically(
            path, lambda part: ordered.write_parquet(part, compression="zstd", metadata=metadata)
        )
        return path

    def fingerprint(self, fact: str, shard: Part | None = None) -> Fingerprint | None:
        """What made the fact on disk, or None where there is none.

        Raises FactError for a file that is damaged or not ours.
        """
        path = self.path(fact, shard)
        if not path.exists():
            return None
        try:
            return Fingerprint.from_json(pl.read_parquet_metadata(path)[METADATA_KEY])
        except (pl.exceptions.PolarsError, KeyError, json.JSONDecodeError, OSError) as error:
            raise FactError(
                f"{path}: not a readable fact ({error}). "
                "Remedy: delete the file and run the study again; only this fact is remade."
            ) from error

    def is_current(self, fingerprint: Fingerprint, shard: Part | None = None) -> bool:
        """Whether the fact on disk was made from exactly this. A damaged file is not current."""
        try:
            found = self.fingerprint(fingerprint.fact, shard)
        except FactError:
            return False
        return found is not None and found.digest == fingerprint.digest

    def rows(self, fact: str, shard: Part | None = None) -> int:
        """Number of rows of a fact, read from the file's footer alone."""
        self.require(fact, shard)
        return pl.scan_parquet(self.path(fact, shard)).select(pl.len()).collect().item()

    def reused(self, fingerprint: Fingerprint, shard: Part | None = None) -> Outcome:
        """Outcome for a fact that `is_current` found to be right already."""
        return Outcome(fingerprint.fact, self.rows(fingerprint.fact, shard), reused=True)

    def require(self, fact: str, shard: Part | None = None) -> Fingerprint:
        """Fingerprint of a fact that must exist. Raises FactError naming the remedy."""
        found = self.fingerprint(fact, shard)
        if found is None:
            raise FactError(
                f"{self.path(fact, shard)}: missing. "
                f"Remedy: `influence run` the study; it makes `{fact}` first."
            )
        return found

    def read(
        self, fact: str, shard: Part | None = None, columns: list[str] | None = None
    ) -> pl.DataFrame:
        """The rows of a fact, in the order of its key. Raises FactError when missing."""
        self.require(fact, shard)
        return pl.read_parquet(self.path(fact, shard), columns=columns)

    def scan(self, fact: str, shard: Part | None = None) -> pl.LazyFrame:
        """The rows of a fact, lazily: for facts that may be larger than memory."""
        self.require(fact, shard)
        return pl.scan_parquet(self.path(fact, shard))

    def drop_shards(self, fact: str, first: int) -> None:
        """Delete shards from number `first` on: what a study of more shards left behind."""
        for path in self.path(fact, 0).parent.glob("*.parquet"):
            if int(path.stem) >= first:
                path.unlink()

    def is_readable(self, fact: str, shard: Part | None = None) -> bool:
        """Whether the fact is there and its footer undamaged."""
        try:
            return self.fingerprint(fact, shard) is not None
        except FactError:
            return False

    def read_expecting(self, expected: Fingerprint, shard: Part | None = None) -> pl.DataFrame:
        """The rows of a fact made from exactly `expected`.

        Raises FactError listing every difference when it was made from something else.
        """
        found = self.require(expected.fact, shard)
        if found.digest != expected.digest:
            differences = "\n  ".join(found.differences(expected))
            raise FactError(
                f"{self.path(expected.fact, shard)}: made from something else:\n  {differences}\n"
                "Remedy: run the study again; what is stale is remade, the rest is kept."
            )
        return self.read(expected.fact, shard)


def _conform(fact: str, frame: pl.DataFrame) -> pl.DataFrame:
    contract = CONTRACTS[fact]
    missing = [name for name in contract.columns if name not in frame.columns]
    extra = [name for name in frame.columns if name not in contract.columns]
    if missing or extra:
        raise FactError(f"{fact}: columns missing {missing}, columns too many {extra}")
    try:
        ordered = frame.select(
            pl.col(name).cast(dtype, strict=True) for name, dtype in contract.columns.items()
        ).sort(contract.key)
    except pl.exceptions.PolarsError as error:
        raise FactError(f"{fact}: a column cannot take its contract's dtype: {error}") from error
    keys = ordered.select(contract.key)
    # Sorted, so that equal keys are neighbours: no table of all keys is needed.
    repeated = keys.select(
        pl.all_horizontal(pl.all().eq_missing(pl.all().shift(1))).slice(1).any()
    ).item()
    if keys.null_count().sum_horizontal().item() or repeated:
        raise FactError(f"{fact}: key {contract.key} is not unique and non-null")
    return ordered
