"""One small planted study, run once by the command line as a user would, shared by the folder."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.load import load_study
from influence_warehouse.study.study import Study
from tests.built_once import built_once
from tests.end_to_end.own_environment import own_environment

COLUMNS = {"benchmark": "benchmark", "context": "context", "subject": "subject"}
DESIGN = {
    "social_situations": ("social", "reasoning"),
    "social_facts": ("social", "knowledge"),
    "stem_situations": ("stem", "reasoning"),
    "stem_facts": ("stem", "knowledge"),
}
SMALL_STUDY = {
    "name": "small",
    "seed": 3,
    "planted": {
        "documents": 700,
        "items_per_benchmark": 12,
        "facts_per_benchmark": 10,
        "epochs": 1,
    },
    "sampling": {"documents_per_bin": 1, "shards": 3},
    "models": [{"max_tokens": 64}],
    "benchmarks": [
        {"name": name, "domain": domain, "capability": capability, "columns": COLUMNS}
        for name, (domain, capability) in DESIGN.items()
    ],
    "attribution": {
        "methods": [
            {
                "kind": "trackstar",
                "projection_dim": 4,
                "preconditioner": {"downweight_components": 50},
            },
            {"kind": "random"},
        ],
        "token_batch_size": 1024,
        "health_trials": 1,
    },
    "contrasts": [
        {"name": "reasoning_social_minus_stem", "a": "social_situations", "b": "stem_situations"},
        {"name": "knowledge_social_minus_stem", "a": "social_facts", "b": "stem_facts"},
        {
            "name": "interaction",
            "a": "reasoning_social_minus_stem",
            "b": "knowledge_social_minus_stem",
        },
    ],
    "statistics": {"resamples": 100},
    "unlearning": {
        "regions": {"rule": "topics", "per_benchmark": 1, "max_q": 1},
        "methods": ["trackstar"],
        "benchmarks": ["social_facts", "stem_situations"],
        "seeds": [1],
        "random_sets": 3,
        "forget_documents": 6,
        "retain_documents": 8,
        "probe_documents": 4,
        "batch_documents": 4,
        "learning_rate": 0.003,
        "max_tokens": 48,
        "stops": {"steps": 2},
        "eval_every": 1,
    },
}


@dataclass(frozen=True)
class Finished:
    """A command that ended: status, stdout, stderr."""

    status: int
    out: str
    error: str


@dataclass(frozen=True)
class SmallWorld:
    """The small study's file, its warehouse root and the run that made it."""

    file: Path
    root: Path
    first_run: Finished

    @property
    def study(self) -> Study:
        return load_study(str(self.file))

    @property
    def home(self) -> Home:
        return Home(self.root, "small")

    @property
    def lake(self) -> Lake:
        return Lake(self.home)

    def influence(self, *arguments: str) -> Finished:
        """Run the command `influence` on this warehouse."""
        return influence(self.root, *arguments)


def influence(root: Path, *arguments: str, programs: Path | None = None) -> Finished:
    """Run the command, from another folder than this, with `root` as the warehouse."""
    root.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [str((programs or Path(sys.executable).parent) / "influence"), *arguments],
        cwd=root,
        env={**os.environ, "INFLUENCE_WAREHOUSE": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def write_small_study(folder: Path, **changes) -> Path:
    """The small study as a YAML file, with some of its top-level fields changed."""
    file = folder / "small.yaml"
    file.write_text(yaml.safe_dump(SMALL_STUDY | changes), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> SmallWorld:
    """The small study after one whole run by the package as users install it."""

    def build(folder: Path) -> Finished:
        programs, file = own_environment(folder), write_small_study(folder)
        finished = influence(folder / "warehouse", "run", str(file), programs=programs)
        assert finished.status == 0, finished.out + finished.error
        return finished

    folder, finished = built_once(tmp_path_factory, "small", build)
    return SmallWorld(folder / "small.yaml", folder / "warehouse", finished)


@pytest.fixture
def copy(world: SmallWorld, tmp_path) -> SmallWorld:
    """The finished small study in a warehouse of its own."""
    root = tmp_path / "warehouse"
    shutil.copytree(world.root, root)
    made = SmallWorld(world.file, root, world.first_run)
    # A test may run another file of that name here.
    made.home.origin.unlink()
    return made
