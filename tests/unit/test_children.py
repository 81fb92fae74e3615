"""Programs that this project starts: no file of the current folder, no variable of the shell."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from influence_warehouse.children import adopt_environment, child_environment, python
from influence_warehouse.warehouse.dbt_manifest import run_dbt

# Names of modules that children import.
HOSTILE = ("dbt", "dagster", "dagster_dbt", "dagster_project", "json", "torch", "uvicorn")


@pytest.fixture
def hostile_folder(tmp_path, monkeypatch):
    """A current folder whose Python files leave a mark when they are run."""
    folder, mark = tmp_path / "hostile", tmp_path / "mark"
    folder.mkdir()
    for name in HOSTILE:
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').write({name!r})\n")
    monkeypatch.chdir(folder)
    return mark


def test_a_child_and_its_child_run_nothing_of_the_current_folder(hostile_folder):
    grandchild = "subprocess.run([sys.executable, '-c', 'import torch'], check=True)"
    child = f"import json, subprocess, sys, dbt.cli.main; {grandchild}"
    subprocess.run(python("-c", child), env=child_environment({}), check=True)
    assert not hostile_folder.exists()


def test_dbt_runs_nothing_of_the_current_folder(hostile_folder):
    run_dbt({}, "--version")
    assert not hostile_folder.exists()


def test_the_command_itself_runs_nothing_of_the_current_folder(hostile_folder):
    command = Path(sys.executable).with_name("influence")
    for arguments in (["--help"], ["status", "demo"], ["query", "bins"]):
        subprocess.run([command, *arguments], capture_output=True, check=False)
    assert not hostile_folder.exists()


def test_the_shells_variables_of_dbt_reach_no_child(monkeypatch):
    for name in ("DBT_EMPTY", "DBT_TARGET", "DBT_ENGINE_EMPTY", "DBT_FULL_REFRESH"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("OTHER", "1")
    found = child_environment({"DBT_TARGET": "ours"})
    assert {name: value for name, value in found.items() if name.startswith("DBT_")} == {
        "DBT_TARGET": "ours"
    }
    assert found["OTHER"] == "1"


def test_an_adopted_environment_is_that_of_a_child(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["DBT_EMPTY"] = "1"
    adopt_environment({"DBT_TARGET": "ours"})
    assert "DBT_EMPTY" not in os.environ and os.environ["DBT_TARGET"] == "ours"


ENTRIES = [
    "influence_warehouse.cli",
    "influence_warehouse.pipeline.workers",
    "influence_warehouse.pipeline.side_by_side",
    "influence_warehouse.attribution.nodes",
    "influence_warehouse.unlearning.training",
    "influence_warehouse.warehouse.spark",
    "dagster_project.settings",
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_waiting_threads_sleep_wherever_the_project_is_entered(entry, tmp_path):
    """The policy is there before torch is loaded, which reads it then."""
    code = (
        "import os, sys\n"
        "def told(event, arguments):\n"
        "    if event == 'import' and arguments[0] == 'torch':\n"
        "        print('before torch:', os.environ.get('OMP_WAIT_POLICY'))\n"
        "sys.addaudithook(told)\n"
        f"import {entry}, torch\n"
    )
    own = {"INFLUENCE_WAREHOUSE": str(tmp_path), "INFLUENCE_STUDY": "demo"}
    environment = {**os.environ, **own}
    del environment["OMP_WAIT_POLICY"]
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "before torch: PASSIVE" in done.stdout.splitlines()[0], done.stdout


def test_a_users_own_policy_stays():
    code = "import influence_warehouse, os; print(os.environ['OMP_WAIT_POLICY'])"
    environment = {**os.environ, "OMP_WAIT_POLICY": "ACTIVE"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "ACTIVE"
