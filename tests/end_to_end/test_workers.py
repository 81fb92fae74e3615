"""Workers, as a shell, Slurm or Kubernetes would start them: the bytes of one run."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from tests.conftest import ROOT
from tests.end_to_end.conftest import SmallWorld, influence
from tests.end_to_end.test_run import facts_of
from tests.scoring_lake import shard_part

pytestmark = [pytest.mark.slow, pytest.mark.alone]

CLUSTERS = ROOT / "docs" / "clusters"
BIN = Path(sys.executable).parent
SHARDS = ("document_scores", "shard_bin_item_scores", "shard_proponents")
RUNS = ("unlearning_runs", "unlearning_steps", "unlearned_predictions")

# Runs each job at once, and refuses one whose predecessor was not the last to succeed.
SBATCH = """#!/usr/bin/env python3
import os, pathlib, subprocess, sys
jobs = pathlib.Path(os.environ["JOBS"])
number = len(jobs.read_text().splitlines()) + 1 if jobs.exists() else 1
options = dict(a.lstrip("-").partition("=")[::2] for a in sys.argv[1:-2])
assert sys.argv[-2] == "--wrap" and "parsable" in options and options["partition"] == "gpu"
assert options.get("dependency") == (f"afterok:{number - 1}" if number > 1 else None)
first, _, last = options.get("array", "0-0").partition("-")
tasks = [
    subprocess.Popen(
        ["sh", "-c", sys.argv[-1]],
        env={
            **os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_JOB_ID": f"{number}0{task}",
            "SLURMD_NODENAME": f"node-of-{number}-{task}",
            "SLURM_JOB_NUM_NODES": options.get("nodes", "1"),
        },
        stdout=subprocess.DEVNULL,
    )
    for task in range(int(first), int(last) + 1)
]
assert all([task.wait() == 0 for task in tasks]), sys.argv[-1]
with jobs.open("a") as stream:
    stream.write(f"{options['job-name']} {len(tasks)}\\n")
print(number)
"""

# Starts the tasks of a step on the job's other nodes, until it is told to end.
SRUN = """#!/usr/bin/env python3
import os, signal, subprocess, sys
options = dict(a.lstrip("-").partition("=")[::2] for a in sys.argv[1:] if a.startswith("--"))
assert options["relative"] == "1" and options["nodes"] == options["ntasks"]
assert int(options["nodes"]) == int(os.environ["SLURM_JOB_NUM_NODES"]) - 1
command = sys.argv[sys.argv.index("sh"):]
tasks = []
signal.signal(signal.SIGTERM, lambda *_: [task.terminate() for task in tasks])
for task in range(int(options["ntasks"])):
    own = {**os.environ, "SLURM_PROCID": str(task), "SLURM_NODEID": "0"}
    tasks.append(subprocess.Popen(command, env=own))
sys.exit(max(abs(task.wait()) for task in tasks))
"""

# Writes down what is run where; one that leads waits for two that join, and those for an end.
INFLUENCE = """#!/bin/sh
place=$MASTER_ADDR:$MASTER_PORT
test "$1" = join && echo "$place $*" >> "$CALLS" && exec sleep 600
test -z "$MASTER_ADDR" || until test "$(grep -c "$place join" "$CALLS")" = 2; do sleep 0.1; done
echo "$place $*" >> "$CALLS"
test "$2" != broken.yaml
"""


def wipe(world: SmallWorld, facts: tuple[str, ...]) -> None:
    for fact in facts:
        shutil.rmtree(world.home.lake / fact)


def start(world: SmallWorld, parts: str, worker: int, of: int) -> subprocess.Popen:
    command = [str(BIN / "influence"), "work", str(world.file), parts]
    return subprocess.Popen(
        [*command, "--worker", str(worker), "--of", str(of)],
        env={**os.environ, "INFLUENCE_WAREHOUSE": str(world.root), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(*workers: subprocess.Popen) -> list[str]:
    errors = [worker.communicate(timeout=600)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(workers), errors
    return errors


def made_by(said: str) -> set[str]:
    """Parts that a worker says it made: `OK   document_scores 00001   12 rows   0.1 s`."""
    return {line.split()[2] for line in said.splitlines() if line.startswith("OK")}


@pytest.mark.parametrize(("parts", "facts"), [("shards", SHARDS), ("runs", RUNS)])
def test_two_workers_make_the_bytes_of_one_run(copy: SmallWorld, parts, facts):
    before = facts_of(copy.root)
    wipe(copy, facts)
    if parts == "runs":
        shutil.rmtree(copy.home.adapters)
    first, second = map(made_by, ended(start(copy, parts, 0, 2), start(copy, parts, 1, 2)))
    assert facts_of(copy.root) == before
    assert len(first | second) == (6 if parts == "shards" else 16), "every part was made"
    assert not first & second, "no part was made by both"


def test_two_workers_on_the_same_shards_do_no_harm(copy: SmallWorld):
    before = facts_of(copy.root)
    wipe(copy, SHARDS)
    ended(start(copy, "shards", 0, 1), start(copy, "shards", 0, 1))
    assert facts_of(copy.root) == before
    assert list(copy.home.path.rglob("*.part")) == [], "nothing half-written stays behind"


def test_slurm_makes_a_study_from_nothing_each_stage_in_order(world: SmallWorld, tmp_path):
    """On an empty warehouse `prepare` must end well, or Slurm cancels what depends on it."""
    root = tmp_path / "warehouse"
    # The model is kept: its training is tested apart and would take most of the time.
    shutil.copytree(world.home.model, root / "small" / "model")
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(SBATCH)
    sbatch.chmod(sbatch.stat().st_mode | stat.S_IEXEC)
    jobs = tmp_path / "jobs"
    environment = {
        **os.environ,
        "PATH": f"{sbatch.parent}:{BIN}:{os.environ['PATH']}",
        "INFLUENCE_WAREHOUSE": str(root),
        "JOBS": str(jobs),
    }
    script = [str(CLUSTERS / "slurm.sh"), "attribution", str(world.file), "2", "--partition=gpu"]
    subprocess.run(script, env=environment, check=True, timeout=800)
    assert jobs.read_text().split("\n")[:-1] == [
        "influence-prepare 1",
        "influence-shards 2",
        "influence-attribution 1",
    ]
    made, whole = facts_of(root), facts_of(world.root)
    assert made == {name: content for name, content in whole.items() if name in made}
    assert set(SHARDS) <= {name.split("/")[0] for name in made}
    assert (root / "small" / "influence.duckdb").exists()


@pytest.fixture
def slurm(tmp_path) -> dict[str, str]:
    """Environment in which Slurm's commands and `influence` are stand-ins."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN, "influence": INFLUENCE}.items():
        (bin_ / name).write_text(text)
        (bin_ / name).chmod(0o755)
    (tmp_path / "calls").touch()
    places = {"JOBS": str(tmp_path / "jobs"), "CALLS": str(tmp_path / "calls")}
    return {**os.environ, **places, "PATH": f"{bin_}:{os.environ['PATH']}", "NODES": "3"}


def submitted(slurm: dict[str, str], study: str, workers: str) -> int:
    """Exit status of slurm.sh, which must be able to end what it starts."""

    def ends_on_sigterm() -> None:
        # A process inherits from its parent what that ignores or blocks.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    script = [str(CLUSTERS / "slurm.sh"), "attribution", study, workers, "--partition=gpu"]
    return subprocess.run(script, env=slurm, timeout=60, preexec_fn=ends_on_sigterm).returncode


def test_slurm_lets_three_nodes_share_a_shard(slurm: dict[str, str]):
    assert submitted(slurm, "my study.yaml", "2") == 0
    lines = Path(slurm["CALLS"]).read_text().splitlines()
    assert sorted(lines[:3]) == [
        "node-of-1-0:20100 join my study.yaml --node 1",
        "node-of-1-0:20100 join my study.yaml --node 2",
        "node-of-1-0:20100 run my study.yaml --stage prepare",
    ]
    assert sorted(lines[3:9]) == [
        line
        for task in (0, 1)
        for line in (
            f"node-of-2-{task}:{20200 + task} join my study.yaml --node 1",
            f"node-of-2-{task}:{20200 + task} join my study.yaml --node 2",
            f"node-of-2-{task}:{20200 + task} work my study.yaml shards --worker {task} --of 2",
        )
    ]
    assert lines[9:] == [": run my study.yaml --stage attribution"]


def test_slurm_tells_that_a_leader_failed(slurm: dict[str, str]):
    assert submitted(slurm, "broken.yaml", "1") != 0
    assert "--stage attribution" not in Path(slurm["CALLS"]).read_text()


def test_the_kubernetes_job_is_valid_and_its_command_works(copy: SmallWorld):
    job = yaml.safe_load((CLUSTERS / "kubernetes.yaml").read_text())
    kubernetes_validate.validate(job, "1.30", strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert f"--of {job['spec']['completions']}" in container["args"][0]
    before = facts_of(copy.root)
    copy.lake.path("document_scores", shard_part(1)).unlink()
    command = container["args"][0].replace("/warehouse/study.yaml", str(copy.file))
    subprocess.run(
        [*container["command"], command],
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "INFLUENCE_WAREHOUSE": str(copy.root),
            "JOB_COMPLETION_INDEX": "1",
        },
        check=True,
        timeout=600,
    )
    assert facts_of(copy.root) == before


def test_a_worker_says_what_is_missing(world: SmallWorld, copy: SmallWorld, tmp_path):
    for options, message in (
        (("--worker", "2", "--of", "2"), "workers are counted from 0 to 1"),
        (("--of", "0"), "workers are counted from 0"),
    ):
        refused = copy.influence("work", str(copy.file), "shards", *options)
        assert refused.status == 1 and message in refused.error
    fresh = influence(tmp_path / "fresh", "work", str(world.file), "shards")
    assert fresh.status == 1 and "sampling_manifest.parquet: missing" in fresh.error
    for folder in ("query_index", "method_preparation"):
        shutil.rmtree(copy.home.work / folder)
        unfitted = copy.influence("work", str(copy.file), "shards")
        assert unfitted.status == 1 and f"`{folder}`" in unfitted.error
        assert "--stage prepare" in unfitted.error
    (copy.home.data_docs / "outcomes" / "forget_sets.json").unlink()
    unchecked = copy.influence("work", str(copy.file), "runs")
    assert unchecked.status == 1 and "has not been checked" in unchecked.error
