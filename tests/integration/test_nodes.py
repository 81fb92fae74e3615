"""Nodes that share a shard: processes of this machine that meet over localhost, with real Bergson.

What the nodes compute together equals what one computes; whoever dies, does not come or does not
fit is named in time, and what is left goes on.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import yaml

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from tests.conftest import ROOT
from tests.integration.test_attribution import TOLERANCE, all_scores
from tests.scoring_lake import (
    CELL,
    scoring_study,
    shard_part,
    write_scoring_lake,
    write_scoring_model,
)

LEAD = """
import sys
from influence_warehouse.errors import InfluenceError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home, warehouse_root
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.load import load_study

if __name__ == "__main__":
    study = load_study(sys.argv[1])
    lake = Lake(Home(warehouse_root(), study.name))
    try:
        make_fact(study, lake, "method_preparation", "base|trackstar")
        for shard in range(study.sampling.shards):
            make_fact(study, lake, "document_scores", f"base|trackstar|{shard:05d}")
    except InfluenceError as error:
        sys.exit(str(error))
"""


class Nodes:
    """A study on several nodes, each a process of this machine."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder = folder
        self.file = self.write_study("study.yaml", study)
        (folder / "lead.py").write_text(LEAD)
        with socket.create_server(("", 0)) as server:
            self.port = server.getsockname()[1]
        self.started: list[subprocess.Popen] = []

    @property
    def lake(self) -> Lake:
        return Lake(Home(self.folder, "tiny"))

    def write_study(self, name: str, study: Study) -> Path:
        file = self.folder / name
        file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_defaults=True)))
        return file

    def lead(self, wait: int = 120) -> subprocess.Popen:
        return self._start(sys.executable, str(self.folder / "lead.py"), str(self.file), wait=wait)

    def join(self, node: int, file: Path | None = None) -> subprocess.Popen:
        command = str(Path(sys.executable).with_name("influence"))
        return self._start(command, "join", str(file or self.file), "--node", str(node))

    def _start(self, *command: str, wait: int = 120) -> subprocess.Popen:
        environment = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "",
            "INFLUENCE_NODES_WAIT": str(wait),
            "INFLUENCE_WAREHOUSE": str(self.folder),
            "MASTER_ADDR": "localhost",
            "MASTER_PORT": str(self.port),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        }
        output = self.folder / f"{len(self.started)}.txt"
        with output.open("w") as stream:
            process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        self.started.append(process)
        return process

    def said(self, process: subprocess.Popen) -> str:
        return (self.folder / f"{self.started.index(process)}.txt").read_text()

    def ended(self, process: subprocess.Popen, seconds: float = 300) -> int:
        return process.wait(seconds)

    def computing_for(self, process: subprocess.Popen) -> psutil.Process:
        """The process in which Bergson computes for a node, once it has met the others'."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for child in psutil.Process(process.pid).children():
                if any(c.status == "ESTABLISHED" for c in child.net_connections("tcp")):
                    return child
            time.sleep(0.02)
        raise AssertionError(self.said(process))


def ends(process: psutil.Process, seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@contextmanager
def nodes(folder: Path, study: Study) -> Iterator[Nodes]:
    found = Nodes(folder, study)
    try:
        yield found
    finally:
        for process in found.started:
            if process.poll() is None:
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_scoring_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="module")
def alone(model, tmp_path_factory) -> Lake:
    """The same shard scored by one process."""
    lake = write_scoring_lake(tmp_path_factory.mktemp("alone"), shards=1)
    study = scoring_study(model, shards=1)
    make_fact(study, lake, "method_preparation", CELL)
    make_fact(study, lake, "document_scores", shard_part(0))
    return lake


def on_nodes(model: Path, **compute) -> Study:
    study = scoring_study(model, shards=1)
    return Study.model_validate({**study.model_dump(), "compute": {"nodes": 2, **compute}})


def parts_of(said: str) -> list[str]:
    """Calls that a node says it took part in, to their end."""
    return re.findall(r"node 1: (\w+ \w+): ended, [\d.]+ s", said)


def assert_equal_scores(lake: Lake, other: Lake) -> None:
    difference = all_scores(lake, 1)["score"] - all_scores(other, 1)["score"]
    assert difference.abs().max() <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("compute", [{}, {"processes": 2, "fsdp": True}], ids=str)
def test_scores_do_not_depend_on_the_nodes(model, alone, tmp_path, compute):
    write_scoring_lake(tmp_path, shards=1)
    with nodes(tmp_path, on_nodes(model, **compute)) as cluster:
        follower, leader = cluster.join(1), cluster.lead()
        assert cluster.ended(leader) == 0, cluster.said(leader)
        assert_equal_scores(cluster.lake, alone)
        parts = parts_of(cluster.said(follower))
        assert parts == ["hessian documents", "hessian queries", "build index", "score scores"]
        follower.terminate()
        assert cluster.ended(follower) == 0, cluster.said(follower)
        assert list(cluster.lake.home.path.rglob("*.part")) == []


@pytest.mark.slow
def test_a_node_that_dies_is_named_and_the_others_end(model, tmp_path):
    write_scoring_lake(tmp_path, shards=1)
    with nodes(tmp_path, on_nodes(model)) as cluster:
        follower, leader = cluster.join(1), cluster.lead()
        orphan = cluster.computing_for(follower)
        follower.kill()
        assert cluster.ended(leader, 60) == 1
        assert re.search(
            # Within the silence that tells of its end the leader's own part may be done.
            r"node 1 \(.+\) was lost(; the leader's part: .+)?\. Remedy: .*influence join",
            cluster.said(leader),
        )
        assert ends(orphan)
        assert list((cluster.lake.home.work / "method_preparation").iterdir()) == []


@pytest.mark.slow
def test_a_leader_that_dies_is_started_again_with_the_same_nodes(model, alone, tmp_path):
    write_scoring_lake(tmp_path, shards=1)
    with nodes(tmp_path, on_nodes(model)) as cluster:
        follower, killed = cluster.join(1), cluster.lead()
        orphan, part = cluster.computing_for(killed), cluster.computing_for(follower)
        killed.kill()
        assert ends(part)
        # The orphan may wait in torch's store for the other node, up to half an hour: no harm to
        # the next leader, whose calls have ports of their own.
        leader = cluster.lead()
        assert cluster.ended(leader) == 0, cluster.said(leader)
        said = cluster.said(follower)
        assert "the leader was lost" in said
        assert len(parts_of(said)) == 4, "the broken call is not among these"
        assert_equal_scores(cluster.lake, alone)
        with suppress(psutil.NoSuchProcess):
            orphan.kill()


@pytest.mark.slow
def test_a_node_with_another_study_is_refused_on_both_sides(model, tmp_path):
    write_scoring_lake(tmp_path, shards=1)
    other = scoring_study(model, projection_dim=2)
    other = other.model_copy(update={"compute": on_nodes(model).compute})
    with nodes(tmp_path, on_nodes(model)) as cluster:
        follower = cluster.join(1, cluster.write_study("other.yaml", other))
        leader = cluster.lead()
        assert cluster.ended(leader, 60) == 1 and cluster.ended(follower, 60) == 1
        assert "projection_dim: 4 here, 2 there" in cluster.said(leader)
        assert (
            "node 1 was refused: methods.trackstar.projection_dim: 2 here, 4 there"
            in cluster.said(follower)
        )


@pytest.mark.slow
def test_nodes_that_do_not_come_are_named_in_time(model, tmp_path):
    write_scoring_lake(tmp_path, shards=1)
    with nodes(tmp_path, on_nodes(model, nodes=3)) as cluster:
        cluster.join(2)
        leader = cluster.lead(wait=20)
        assert cluster.ended(leader, 60) == 1
        said = cluster.said(leader)
        assert f"node 1 did not come to localhost:{cluster.port} within 20 s. Remedy" in said


@pytest.mark.slow
def test_fewer_documents_than_processes_are_for_the_first_node(model, tmp_path):
    (tmp_path / "alone").mkdir()
    lake = write_scoring_lake(tmp_path / "alone", shards=1, n_documents=1)
    make_fact(scoring_study(model, shards=1), lake, "method_preparation", CELL)
    make_fact(scoring_study(model, shards=1), lake, "document_scores", shard_part(0))
    write_scoring_lake(tmp_path, shards=1, n_documents=1)
    with nodes(tmp_path, on_nodes(model)) as cluster:
        follower, leader = cluster.join(1), cluster.lead()
        assert cluster.ended(leader) == 0, cluster.said(leader)
        assert parts_of(cluster.said(follower)) == ["hessian queries", "build index"]
        assert_equal_scores(cluster.lake, lake)
