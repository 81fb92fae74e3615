"""Costly results that one process of a parallel test run makes, and every other one copies.

Belongs here: who builds, who waits. What is built is in the fixtures.
"""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


def built_once(
    factory: pytest.TempPathFactory, name: str, build: Callable[[Path], Any]
) -> tuple[Path, Any]:
    """This process's own copy of the folder that `build(folder)` filled, and what it returned.

    The first process that asks builds; those that come meanwhile wait. A build that failed fails
    the tests of all at once.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    built, result = shared / f"built-{name}", shared / f"built-{name}.pickle"
    with FileLock(shared / f"built-{name}.lock"):
        if not built.exists():
            built.mkdir()
            result.write_bytes(pickle.dumps(build(built)))
    if not result.exists():
        pytest.fail(f"another process could not build {name}; its tests say why")
    own = base / f"own-{name}"
    shutil.copytree(built, own, symlinks=True)
    return own, pickle.loads(result.read_bytes())
