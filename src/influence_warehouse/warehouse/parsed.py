"""What dbt remembers of the project from one home to the next, so that it is not parsed anew.

dbt compares every file's checksum, the variables and its own version with what it remembers, and
parses what differs. Belongs here: where that is kept. Does not belong here: the manifest that
Dagster reads (`manifest`).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from influence_warehouse.fingerprint import digest_of, digest_of_file

_NAME = "partial_parse.msgpack"


@contextmanager
def parsed_before(folder: Path, project: Path) -> Iterator[None]:
    """Let dbt, whose target folder is `folder`, begin with what it remembers of the project.

    What it remembers at the end is kept, if nothing was.
    """
    own, kept = folder / _NAME, _kept(project)
    if kept is not None and kept.exists() and not own.exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(kept, own)
    yield
    if kept is not None and own.exists() and not kept.exists():
        from influence_warehouse.facts import write_atomically

        # A cache only saves time.
        with suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(kept, lambda part: Path(shutil.copyfile(own, part)))


def _kept(project: Path) -> Path | None:
    """The user's cache, by the project's place and content; None without a folder for it."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME")
    if not home:
        return None
    cache = Path(home) if "XDG_CACHE_HOME" in os.environ else Path(home) / ".cache"
    name = digest_of([str(project), digest_of_file(project), version("dbt-core")])
    return cache / "influence-warehouse" / "dbt" / f"{name}.msgpack"
