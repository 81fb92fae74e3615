"""One `influence run` at a time makes a study; any number of others read it.

The lock is the operating system's, on an open file: it ends with its process, however that
ends. Workers (`workers`) need none, since facts are whole files of equal bytes whoever writes.
Does not belong here: DuckDB's own lock on the file that dbt writes.
"""

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.layout import Home


@contextmanager
def run_lock(home: Home) -> Iterator[None]:
    """Hold the study for the block. Raises WarehouseError naming the process that has it.

    Where the file system knows no locks the block runs without.
    """
    path = home.path / ".run.lock"
    with path.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            raise WarehouseError(
                f"{home.path}: `influence run` is at work here already ({holder}). "
                "Remedy: wait until it ends, or end it; queries and charts work meanwhile."
            ) from error
        except OSError:
            yield
            return
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {platform.node()}")
        stream.flush()
        yield
