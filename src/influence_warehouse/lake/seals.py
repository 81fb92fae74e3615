"""Seals: a checksum of a Parquet file inside the file itself, so that damage on disk is found.

Neither polars nor DuckDB checks the pages it reads: a flipped bit comes out as another number.
A seal is the SHA-256 of all other bytes of the file, in the footer's metadata; being in the
file it cannot be parted from it by a kill, a copy or an upload.
Does not belong here: what a damaged file means to a study (`facts`).
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upath import UPath

METADATA_KEY = "influence_warehouse_seal"
_MARK = b"sha256-of-the-rest:"
_BLANK = b"0" * 64
# What a file is written with, for `seal` to fill in.
BLANK_SEAL = (_MARK + _BLANK).decode()

_MAGIC = b"PAR1"
_TRAILER = 8  # length of the footer, magic bytes
_CHUNK = 1 << 20


class _DamagedError(Exception):
    """The file has not even the outline of a Parquet file, or half a seal."""


def seal(path: Path) -> None:
    """Fill in the checksum of a Parquet file whose metadata holds BLANK_SEAL."""
    start, footer, place = _outline(path)
    if place is None:
        raise ValueError(f"{path}: written without a blank seal")
    digest = _digest(path, start, footer)
    with path.open("r+b") as stream:
        stream.seek(start + place)
        stream.write(digest)


def is_intact(path: "Path | UPath") -> bool:
    """Whether a Parquet file is as it was sealed; one without a seal is not.

    Reads the whole file once, in pieces of 1 MiB.
    """
    try:
        start, footer, place = _outline(path)
    except _DamagedError:
        return False
    if place is None:
        return False
    end = place + len(_BLANK)
    return footer[place:end] == _digest(path, start, footer[:place] + _BLANK + footer[end:])


def footer(path: "Path | UPath") -> bytes:
    """A Parquet file of no rows with the footer of this one; empty if this is not Parquet."""
    try:
        return _MAGIC + _outline(path)[1]
    except _DamagedError:
        return b""


def _outline(path: "Path | UPath") -> tuple[int, bytes, int | None]:
    """Where the footer starts, the bytes from there on, and where in them the checksum is."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        if size < len(_MAGIC) + _TRAILER:
            raise _DamagedError
        stream.seek(size - _TRAILER)
        length = int.from_bytes(stream.read(4), "little")
        start = size - _TRAILER - length
        if stream.read() != _MAGIC or start < len(_MAGIC):
            raise _DamagedError
        stream.seek(start)
        footer = stream.read()
    place = footer.find(_MARK)
    if place < 0 and METADATA_KEY.encode() in footer:
        raise _DamagedError
    return start, footer, None if place < 0 else place + len(_MARK)


def _digest(path: "Path | UPath", start: int, footer: bytes) -> bytes:
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while start and (chunk := stream.read(min(_CHUNK, start))):
            hasher.update(chunk)
            start -= len(chunk)
    hasher.update(footer)
    return hasher.hexdigest().encode()
