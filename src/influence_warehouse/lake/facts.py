"""Facts: the Parquet files of a study's lake, their contracts and their safe writing.

A fact is one file `lake/<fact>.parquet`, or one per part of its step `lake/<fact>/<part>.parquet`.
Every write checks the fact's contract (`contracts`), sorts by its key, writes a temporary file,
flushes it to disk and renames it: a reader sees the old file or the new one, never a part.
A lake in object storage (`object_storage`) has objects of the same names and bytes.
In the file's metadata are the fingerprint of what made the fact, and a checksum (`seals`).
Does not belong here: what a fact means (its stage) and the tables analysts see (dbt).
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.errors import FactError, WarehouseError
from influence_warehouse.lake import object_storage
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import EMPTY_FACT, Home, file_name_of, part_of
from influence_warehouse.lake.leftovers import part_beside
from influence_warehouse.lake.object_storage import FactPath, naming_refusals
from influence_warehouse.lake.out_of_core import write_groups
from influence_warehouse.lake.ranges import require_in_range
from influence_warehouse.lake.seals import BLANK_SEAL, is_intact, seal
from influence_warehouse.lake.seals import METADATA_KEY as SEAL_KEY

METADATA_KEY = "influence_warehouse"

_REMAKE = "Remedy: delete the file and run the study again; only this fact is remade."

# One file of a fact in parts, named by model, method and shard: `base|trackstar|00003`.
Part = str


@dataclass(frozen=True)
class Outcome:
    """What making a fact came to: its rows, and whether the one on disk was already right; bytes
    that were written, where that is known."""

    fact: str
    rows: int
    reused: bool
    details: dict[str, Any] = field(default_factory=dict)
    n_bytes: int | None = None


def write_atomically(path: Path, write) -> None:
    """Call `write(temporary path)`, flush the file to disk, then rename it to `path`.

    Raises WarehouseError, naming the file and the remedy, when the disk refuses; the
    temporary file is removed and an earlier `path` is left as it was.
    """
    temporary = part_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except (OSError, pl.exceptions.ComputeError) as error:
        # Polars hands on what the disk refused as an error of its own.
        raise WarehouseError(
            f"{path}: cannot be written ({getattr(error, 'strerror', None) or error}). "
            "Remedy: free disk space or choose a writable folder with --warehouse DIR."
        ) from error
    finally:
        # A folder's place taken by a file must not hide the error above.
        with suppress(NotADirectoryError):
            temporary.unlink(missing_ok=True)


class Lake:
    """Reads and writes the facts of one study.

    Raises WarehouseError when they are in object storage that cannot be reached.
    """

    def __init__(self, home: Home):
        self.home = home
        if not isinstance(home.lake, Path):
            object_storage.require_reachable(home.lake)

    def path(self, fact: str, part: Part | None = None) -> FactPath:
        """File of a fact, or of one part of it."""
        if CONTRACTS[fact].in_parts != (part is not None):
            raise ValueError(f"{fact}: a part is given exactly for facts in parts")
        if part is None:
            return self.home.lake / f"{fact}.parquet"
        return self.home.lake / fact / f"{file_name_of(part)}.parquet"

    def write(
        self, fact: str, frame: pl.DataFrame, fingerprint: Fingerprint, part: Part | None = None
    ) -> FactPath:
        """Write a fact whole. Equal frames give equal bytes, whatever their row order.

        Raises FactError when columns, dtypes, ranges, or the key's uniqueness break the contract.
        """
        ordered = _conform(fact, frame)
        return self._sealed(
            self.path(fact, part),
            fingerprint,
            lambda part, metadata: ordered.write_parquet(
                part, compression="zstd", metadata=metadata
            ),
        )

    def write_in_order(
        self, fact: str, frames: Iterable[pl.DataFrame], fingerprint: Fingerprint
    ) -> int:
        """Write a fact from frames that come in the order of its key; its number of rows.

        Memory holds some rows at a time, so the fact may be larger. Equal rows give equal bytes,
        however they are cut into frames. Raises FactError as `write` does, and for rows out of
        order; WarehouseError as `write_atomically` does.
        """
        contract, rows = CONTRACTS[fact], 0

        def write(part: Path, metadata: dict[str, str]) -> None:
            nonlocal rows
            checked = _checked_in_order(fact, frames)
            rows = write_groups(part, checked, contract.columns, contract.key, metadata)

        self._sealed(self.path(fact), fingerprint, write)
        return rows

    def _sealed(
        self,
        path: FactPath,
        fingerprint: Fingerprint,
        write: Callable[[Path, dict[str, str]], object],
    ) -> FactPath:
        """Replace `path` by what `write` writes, with its fingerprint and checksum inside."""
        metadata = {METADATA_KEY: fingerprint.to_json(), SEAL_KEY: BLANK_SEAL}

        def write_and_seal(part: Path) -> None:
            write(part, metadata)
            seal(part)

        self.put(path, write_and_seal)
        return path

    def put(self, path: FactPath, write) -> None:
        """`write_atomically` for what is in the lake, wherever the lake is."""
        if isinstance(path, Path):
            write_atomically(path, write)
            return
        staged = part_beside(self.home.work / path.name)
        try:
            write_atomically(staged, write)
            object_storage.put(staged, path)
        finally:
            staged.unlink(missing_ok=True)

    def exists(self, fact: str, part: Part | None = None) -> bool:
        """Whether there is such a file, whatever is in it."""
        path = self.path(fact, part)
        with naming_refusals(path):
            return path.exists()

    def version(self, fact: str, part: Part | None = None) -> tuple[object, ...]:
        """What changes whenever a fact's file is replaced. Raises FactError: missing."""
        self.require(fact, part)
        return object_storage.version(self.path(fact, part))

    def parts(self, fact: str) -> list[Part]:
        """Keys of the parts of a fact that are on disk, sorted."""
        folder = self.home.lake / fact
        with naming_refusals(folder):
            files = [path for path in folder.glob("*.parquet") if not _is_empty_fact(path)]
        return sorted(part_of(path.stem) for path in files)

    def fingerprint(self, fact: str, part: Part | None = None) -> Fingerprint | None:
        """What made the fact on disk, or None where there is none.

        Raises FactError for a file that is damaged or not ours.
        """
        path = self.path(fact, part)
        if not self.exists(fact, part):
            return None
        try:
            with naming_refusals(path):
                return Fingerprint.from_json(object_storage.metadata(path)[METADATA_KEY])
        except (pl.exceptions.PolarsError, KeyError, json.JSONDecodeError, OSError) as error:
            raise FactError(f"{path}: not a readable fact ({error}). {_REMAKE}") from error

    def is_current(self, fingerprint: Fingerprint, part: Part | None = None) -> bool:
        """Whether the fact on disk was made from exactly this. A damaged file is not current."""
        try:
            existing = self.fingerprint(fingerprint.fact, part)
        except FactError:
            return False
        if existing is None or existing.digest != fingerprint.digest:
            return False
        return _is_intact(self.path(fingerprint.fact, part))

    def rows(self, fact: str, part: Part | None = None) -> int:
        """Number of rows of a fact, read from the file's footer alone."""
        self.require(fact, part)
        path = self.path(fact, part)
        with naming_refusals(path):
            return object_storage.rows(path)

    def size(self, fact: str, part: Part | None = None) -> int:
        """Bytes of a fact's file."""
        path = self.path(fact, part)
        with naming_refusals(path):
            return int(path.stat().st_size)

    def reused(self, fingerprint: Fingerprint, part: Part | None = None) -> Outcome:
        """Outcome for a fact that `is_current` found to be right already."""
        return Outcome(fingerprint.fact, self.rows(fingerprint.fact, part), reused=True)

    def require(self, fact: str, part: Part | None = None) -> Fingerprint:
        """Fingerprint of a fact that must exist. Raises FactError naming the remedy."""
        existing = self.fingerprint(fact, part)
        if existing is None:
            raise FactError(_missing(fact, self.path(fact, part)))
        return existing

    def digests(self, fact: str) -> list[str]:
        """Digests of the fact on disk, or of all its parts. Raises FactError: missing."""
        if not CONTRACTS[fact].in_parts:
            return [self.require(fact).digest]
        parts = self.parts(fact)
        if not parts:
            raise FactError(_missing(fact, self.home.lake / fact))
        return [self.require(fact, part).digest for part in parts]

    def read(
        self, fact: str, part: Part | None = None, columns: list[str] | None = None
    ) -> pl.DataFrame:
        """The rows of a fact, in the order of its key. Raises FactError: missing or damaged."""
        self.require(fact, part)
        path = self.path(fact, part)
        _require_intact(path)
        if isinstance(path, Path):
            return pl.read_parquet(path, columns=columns)
        with naming_refusals(path):
            return object_storage.scan(path).select(columns or pl.all()).collect()

    def scan(self, fact: str, part: Part | None = None) -> pl.LazyFrame:
        """The rows of a fact, lazily: for facts that may be larger than memory."""
        self.require(fact, part)
        _require_intact(self.path(fact, part))
        return object_storage.scan(self.path(fact, part))

    def read_parts(self, fact: str, parts: Iterable[Part]) -> pl.DataFrame:
        """The rows of these parts, one after the other; none of no parts. Raises as `read`."""
        return pl.concat(
            [pl.DataFrame(schema=CONTRACTS[fact].columns), *(self.read(fact, n) for n in parts)]
        )

    def drop_parts(self, fact: str, kept: Collection[Part], of: Part = "") -> None:
        """Delete the parts whose keys begin with `of`, but those kept: what a study of more shards,
        or an earlier import, left behind."""
        for part in self.parts(fact):
            if part.startswith(of) and part not in kept:
                object_storage.remove(self.path(fact, part))

    def drop(self, fact: str) -> None:
        """Delete a fact with all its parts, where there is one."""
        if CONTRACTS[fact].in_parts:
            self.drop_parts(fact, kept=())
        elif self.exists(fact):
            object_storage.remove(self.path(fact))

    def is_readable(self, fact: str, part: Part | None = None) -> bool:
        """Whether the fact is there and undamaged."""
        try:
            existing = self.fingerprint(fact, part)
        except FactError:
            return False
        return existing is not None and _is_intact(self.path(fact, part))

    def require_intact(self) -> None:
        """Check every fact's bytes and columns, for readers other than this class: dbt reads whole
        folders.

        Raises FactError naming the first file that is damaged, or of an earlier version.
        """
        with naming_refusals(self.home.lake):
            paths: list[FactPath] = [*self.home.lake.rglob("*.parquet")]
        for path in sorted((path for path in paths if not _is_empty_fact(path)), key=str):
            _require_intact(path)
            self._require_columns(path)

    def _require_columns(self, path: FactPath) -> None:
        is_part = path.parent != self.home.lake
        contract = CONTRACTS.get(path.parent.name if is_part else path.stem)
        with naming_refusals(path):
            columns = object_storage.scan(path).collect_schema().names()
        if contract and (contract.in_parts != is_part or columns != list(contract.columns)):
            raise FactError(
                f"{path}: has the place or the columns of an earlier version. "
                f"Remedy: delete {self.home.lake} and run or import the study again."
            )

    def require_expected(self, expected: Fingerprint, part: Part | None = None) -> None:
        """Raise FactError for a missing fact, and listing every difference for one that was made
        from something else than `expected`."""
        existing = self.require(expected.fact, part)
        if existing.digest != expected.digest:
            differences = "\n  ".join(existing.differences(expected))
            raise FactError(
                f"{self.path(expected.fact, part)}: made from something else:\n  {differences}\n"
                "Remedy: run the study again; what is stale is remade, the rest is kept."
            )


def _is_empty_fact(path: FactPath) -> bool:
    return path.name.endswith(EMPTY_FACT)


def _missing(fact: str, path: FactPath) -> str:
    return f"{path}: missing. Remedy: `influence run` the study; it makes `{fact}` first."


def _require_intact(path: FactPath) -> None:
    if not _is_intact(path):
        raise FactError(f"{path}: damaged, its checksum is another. {_REMAKE}")


def _is_intact(path: FactPath) -> bool:
    """Hashed once per process and version of the file: facts are replaced, never changed."""
    return _is_version_intact(path, object_storage.version(path))


@cache
def _is_version_intact(path: FactPath, version: tuple[object, ...]) -> bool:
    with naming_refusals(path):
        return is_intact(path)


def _conform(fact: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in its contract's columns and order. Raises FactError."""
    ordered = _typed(fact, frame).sort(CONTRACTS[fact].key)
    _require_unique(fact, ordered.select(CONTRACTS[fact].key))
    return ordered


def _checked_in_order(fact: str, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The frames in their contract's columns. Raises FactError at the first row out of order."""
    key = CONTRACTS[fact].key
    last = pl.DataFrame()
    for frame in frames:
        typed = _typed(fact, frame)
        keys = pl.concat([last, typed.select(key)]) if last.width else typed.select(key)
        _require_unique(fact, keys)
        if not keys.equals(keys.sort(key)):
            raise FactError(f"{fact}: the rows are not in the order of {key}")
        last = keys.tail(1)
        yield typed


def _typed(fact: str, frame: pl.DataFrame) -> pl.DataFrame:
    contract = CONTRACTS[fact]
    missing = [name for name in contract.columns if name not in frame.columns]
    extra = [name for name in frame.columns if name not in contract.columns]
    if missing or extra:
        raise FactError(f"{fact}: columns missing {missing}, columns too many {extra}")
    try:
        typed = frame.select(
            pl.col(name).cast(dtype, strict=True) for name, dtype in contract.columns.items()
        )
    except pl.exceptions.PolarsError as error:
        raise FactError(f"{fact}: a column cannot take its contract's dtype: {error}") from error
    require_in_range(fact, contract, typed)
    return typed


def _require_unique(fact: str, keys: pl.DataFrame) -> None:
    """Raise FactError for a null or repeated key. Sorted keys: equal ones are neighbours."""
    repeated = keys.select(
        pl.all_horizontal(pl.all().eq_missing(pl.all().shift(1))).slice(1).any()
    ).item()
    if keys.null_count().sum_horizontal().item() or repeated:
        raise FactError(f"{fact}: key {CONTRACTS[fact].key} is not unique and non-null")
