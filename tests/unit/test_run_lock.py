"""The lock of a run: one at a time, named to the other, gone with its process."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from influence_warehouse.cli import influence
from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.run_lock import run_lock

HOLD = (
    "import sys\n"
    "from pathlib import Path\n"
    "from influence_warehouse.lake.layout import Home\n"
    "from influence_warehouse.pipeline.run_lock import run_lock\n"
    "with run_lock(Home(Path(sys.argv[1]), 'demo')):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path, "demo")
    home.create()
    return home


@pytest.fixture
def holder(home):
    command = [sys.executable, "-c", HOLD, str(home.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_run_is_refused_and_told_by_whom(home, holder):
    told = rf"process {holder.pid} on .*Remedy: wait"
    with pytest.raises(WarehouseError, match=told), run_lock(home):
        pass
    refused = CliRunner(env={"INFLUENCE_WAREHOUSE": str(home.root)}).invoke(
        influence, ["run", "demo"]
    )
    assert refused.exit_code == 1
    assert f"process {holder.pid}" in refused.output


def test_a_killed_run_leaves_no_lock(home, holder):
    holder.kill()
    holder.wait()
    with run_lock(home):
        pass


def test_studies_do_not_lock_each_other(home, holder, tmp_path):
    other = Home(tmp_path, "other")
    other.create()
    with run_lock(other):
        pass


def test_a_run_that_ended_leaves_no_lock(home):
    for _ in range(2):
        with run_lock(home):
            pass


def test_a_file_system_without_locks_does_not_stop_a_run(home, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with run_lock(home):
        pass
