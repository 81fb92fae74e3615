"""What is being written, and what killed processes left of it.

Everything is written beside its place and renamed. The name on the way says which process
writes, so that what a dead one left is known from what a living one is writing, and removed.
"""

import hashlib
import os
import platform
import re
import shutil
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

# `.documents.parquet.<host>-<process>-<random>.part`; DuckDB adds `.wal`, a swap makes `.old`.
_NAME = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)-\w+\.(?:part|old)(?:\.wal)?")


def part_beside(path: Path) -> Path:
    """A new hidden name beside `path` for what will be renamed to it."""
    return path.with_name(f".{path.name}.{_owner()}-{uuid.uuid4().hex[:8]}.part")


def scratch_folder(parent: Path) -> "TemporaryDirectory[str]":
    """A folder in `parent` for what is read once, removed at the end of the block."""
    return TemporaryDirectory(dir=parent, prefix=f".scratch.{_owner()}-", suffix=".part")


def remove_leftovers(folder: Path) -> int:
    """Delete what processes of this machine that are gone were writing under `folder`.

    Returns how many files and folders that were. What other machines write is never touched.
    """
    dead = [path for path in folder.rglob(".*") if _is_dead(path.name)]
    for path in dead:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(dead)


def _owner() -> str:
    return f"{_machine()}-{os.getpid()}"


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_dead(name: str) -> bool:
    match = _NAME.fullmatch(name)
    if match is None or match[1] != _machine():
        return False
    try:
        os.kill(int(match[2]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
