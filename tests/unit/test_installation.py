"""What `make` installs: enough to run, nothing that needs a compiler, one version of each."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from influence_warehouse.models.pretrained import SMOLLM2_PACKAGE, SMOLLM2_VERSION
from tests.conftest import ROOT

# Packages that no index holds a wheel of for Linux and whose sources are not Python alone.
COMPILED = {"llama-cpp-python"}


def locked(name: str) -> dict[str, Version]:
    """Exact version by canonical name, as the lock file says."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = [re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", line) for line in lines]
    assert all(pairs), "a lock holds exact pins alone"
    return {canonicalize_name(pair[1]): Version(pair[2]) for pair in pairs if pair}


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_lock_of_running_meets_the_projects_requirements_and_no_more(project):
    pins = locked("requirements.lock")
    for line in project["project"]["dependencies"]:
        wanted = Requirement(line)
        assert pins[canonicalize_name(wanted.name)] in wanted.specifier, line
    only_developed_with = {"pytest", "mypy", "ruff", "hypothesis", "moto", "marimo", "gguf"}
    assert not only_developed_with & pins.keys()


def test_the_lock_of_developing_holds_the_other_one_and_the_group(project):
    pins, run = locked("requirements-dev.lock"), locked("requirements.lock")
    assert {name: pins[name] for name in run} == run
    for line in project["dependency-groups"]["dev"]:
        wanted = Requirement(line)
        assert pins[canonicalize_name(wanted.name)] in wanted.specifier, line


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_nothing_needs_a_compiler(lock):
    assert not COMPILED & locked(lock).keys()
    # Its model file is used; what it depends on holds the inference engine to compile.
    assert SMOLLM2_PACKAGE not in locked(lock)


def test_the_makefile_takes_the_model_file_without_what_it_depends_on():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"--no-deps {SMOLLM2_PACKAGE}=={SMOLLM2_VERSION}\n" in makefile
