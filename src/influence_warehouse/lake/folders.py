"""Folders that appear whole: written beside their place, flushed to disk, renamed.

Does not belong here: single files (`facts.write_atomically`), what killed processes leave
(`leftovers`).
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.leftovers import part_beside, remove_leftovers


@contextmanager
def replaced_folder(place: Path, what: str, remedy: str) -> Iterator[Path]:
    """A new folder that takes the place of an earlier one when the block ends without error.

    What was there is put back if the rename fails, else deleted. Raises WarehouseError, that
    `what` cannot be written with the remedy, when the disk refuses.
    """
    part = part_beside(place)
    try:
        if place.exists() and not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        part.mkdir(parents=True)
        yield part
        _flush(part)
        _swap(part, place)
    except OSError as error:
        raise WarehouseError(
            f"{place}: {what} cannot be written ({error.strerror or error}). Remedy: {remedy}"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def made_once(place: Path) -> Iterator[Path]:
    """A new folder that becomes `place` when the block ends without error.

    What killed processes left beside it is removed first; a folder that another process
    finished meanwhile wins, since equal names mean equal content.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(place.parent)
    part = part_beside(place)
    part.mkdir()
    try:
        yield part
        _flush(part)
        if not place.exists():
            part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())


def _swap(new: Path, place: Path) -> None:
    old = new.with_suffix(".old")
    had_one = place.exists()
    if had_one:
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        if had_one:
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
