"""What dbt made of the project alone, from one home to the next, so that it is not made anew.

Of what it remembers of its last parse, dbt compares every file's checksum, the variables and its
own version, and parses what differs. Belongs here: where that is kept. Does not belong here: the
manifest that Dagster reads (`manifest`).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from influence_warehouse.lake.fingerprint import digest_of, digest_of_file

_MEMORY = "partial_parse.msgpack"


@contextmanager
def parsed_before(folder: Path, project: Path) -> Iterator[None]:
    """Let dbt, whose target folder is `folder`, begin with what it remembers of the project.

    What it remembers at the end is kept, if nothing was.
    """
    own = folder / _MEMORY
    if not own.exists():
        restore(own, project)
    yield
    keep(own, project)


def restore(own: Path, project: Path) -> bool:
    """Put a file that is kept of this project in its place; whether there was one."""
    kept = _kept(project, own.name)
    if kept is None or not kept.exists():
        return False
    own.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, own)
    return True


def keep(own: Path, project: Path) -> None:
    """Keep a file that dbt made of this project, if it made it and none is kept."""
    kept = _kept(project, own.name)
    if kept is None or kept.exists() or not own.exists():
        return
    from influence_warehouse.lake.facts import write_atomically

    # A cache only saves time.
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, lambda part: Path(shutil.copyfile(own, part)))


def _kept(project: Path, name: str) -> Path | None:
    """The user's cache, by the project's place and content; None without a folder for it."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("HOME")
    if not home:
        return None
    cache = Path(home) if "XDG_CACHE_HOME" in os.environ else Path(home) / ".cache"
    digest = digest_of([str(project), digest_of_file(project), version("dbt-core")])
    return cache / "influence-warehouse" / "dbt" / f"{digest}-{name}"
