"""Fixtures that every test folder shares."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
# Tiny matrices: threads that wait for each other cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Threads of torch and OpenMP that wait must not keep other tests from the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what goes to one process of a parallel run together, and what starts first.

    A module's tests share its fixtures. Those marked `alone` share only what `built_once` makes,
    and take minutes, so that each is a piece of work of its own. The first of them builds the
    small study while the other process does the modules; short modules fill up at the end.
    """
    for item in items:
        unit = item.nodeid if item.get_closest_marker("alone") else item.location[0]
        item.add_marker(pytest.mark.xdist_group(unit.replace("@", "_")))
    builder = next((item for item in items if item.get_closest_marker("alone")), None)
    items.sort(key=lambda item: (item is not builder, _place(item)))


def _place(item: pytest.Item) -> int:
    folders = ("dbt", "integration", "end_to_end", "unit", "bench")
    return folders.index(Path(item.location[0]).parts[1])


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real documents and items that stands beside the project, not in it."""
    folder = Path(os.environ.get("INFLUENCE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; set INFLUENCE_SHARED_DATA to the shared data folder")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a real, untrained 2-layer model with its tokenizer; tests only read it."""
    from tests.tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("tiny_model"))


@pytest.fixture(scope="session")
def storage():
    """A local server of object storage."""
    from tests.object_storage import local_storage

    with local_storage() as storage:
        yield storage


@pytest.fixture
def bucket(storage) -> str:
    """Address of an empty bucket."""
    return storage.new_bucket()
