"""How nodes meet, agree and notice that one is gone; nothing is computed here.

The other nodes are threads that say what `influence join` says.
"""

import json
import multiprocessing
import re
import socket
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from influence_warehouse.attribution import nodes
from influence_warehouse.attribution.gradients import Gradients, Projection, _require_written
from influence_warehouse.attribution.nodes import Rendezvous, join, joined, rendezvous_of
from influence_warehouse.errors import HealthError, InputError, NodesError, StudyError
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.loading import Encoded
from influence_warehouse.study.study import Compute, Study
from tests.scoring_lake import scoring_study

TERMS = Fingerprint.of("call", projection_dim=4)
CALL = Path("/shared/documents.part")


@pytest.fixture
def rendezvous(monkeypatch) -> Rendezvous:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("MASTER_PORT", str(port))
    return Rendezvous("localhost", port, 2, TERMS, 20)


def store_of_leader(rendezvous: Rendezvous):
    """The leader's store, as soon as it is open."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection((rendezvous.host, rendezvous.port)).close()
            return nodes._store(rendezvous.host, rendezvous.port)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def seat_of(node: int, terms: Fingerprint = TERMS) -> dict:
    who, name = f"node {node} (there)", uuid.uuid4().hex
    return {"node": node, "who": who, "name": name, "terms": terms.to_json()}


class Node:
    """A node that has sat down, and beats until it goes."""

    def __init__(self, rendezvous: Rendezvous, node: int = 1, terms: Fingerprint = TERMS) -> None:
        self.store = store_of_leader(rendezvous)
        self.me = seat_of(node, terms)
        self.order: dict | None = None
        self.refused: str | None = None
        self.gone = threading.Event()
        self.thread = threading.Thread(target=self._sit, daemon=True)
        self.thread.start()

    def _sit(self) -> None:
        try:
            self.order = nodes._order(self.store, self.me)
        except NodesError as error:
            self.refused = str(error)
            return
        while not self.gone.wait(0.1):
            self.store.set(f"beat {self.me['name']}", "")

    def sits(self) -> None:
        # Asked again and again: one that waits in the store keeps it from the other thread.
        deadline = time.monotonic() + 10
        while not self.store.check([f"seat {self.me['node']}"]):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def told(self) -> dict:
        deadline = time.monotonic() + 15
        while self.order is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.order

    def go(self, answer: str | None = None) -> None:
        """End: with an answer (empty where all went well), or without."""
        self.gone.set()
        if answer is not None:
            self.store.set(f"answer {self.me['name']}", answer)


class Leader(threading.Thread):
    """Leads one call, in which it does `part`."""

    def __init__(self, rendezvous: Rendezvous, part=lambda: None) -> None:
        super().__init__(daemon=True)
        self.rendezvous, self.part, self.error = rendezvous, part, None
        self.start()

    def run(self) -> None:
        try:
            with joined(self.rendezvous, CALL):
                self.part()
        except NodesError as error:
            self.error = str(error)

    def ended(self) -> str | None:
        self.join(25)
        assert not self.is_alive()
        return self.error


def wait_like_bergson() -> None:
    """For a process that would wait for hours; RuntimeError when it is gone."""
    child = multiprocessing.get_context("spawn").Process(
        target=time.sleep, args=(600,), daemon=True
    )
    child.start()
    child.join()
    raise RuntimeError(f"child exited with code {child.exitcode}")


def two_nodes(**changes) -> Study:
    study = scoring_study(Path("model"))
    return study.model_copy(update={"compute": Compute(nodes=2, **changes)})


def test_one_node_needs_no_place_and_two_name_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.delenv("MASTER_PORT", raising=False)
    home = Home(tmp_path, "tiny")
    assert rendezvous_of(scoring_study(Path("model")), home) is None
    with pytest.raises(StudyError, match=r"compute.nodes: 2 .*MASTER_ADDR.*Remedy"):
        rendezvous_of(two_nodes(), home)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    for port in ("", "x", "-1", "70000"):
        monkeypatch.setenv("MASTER_PORT", port)
        with pytest.raises(StudyError, match="MASTER_PORT"):
            rendezvous_of(two_nodes(), home)
    monkeypatch.setenv("MASTER_PORT", "29500")
    here = rendezvous_of(two_nodes(), home)
    there = rendezvous_of(two_nodes(processes=2), home)
    assert here.place == "localhost:29500"
    assert here.terms.differences(there.terms) == ["compute.processes: 1 here, 2 there"]


def test_a_call_is_told_and_ends_when_all_have(rendezvous):
    leader = Leader(rendezvous)
    node = Node(rendezvous)
    order = node.told()
    assert order["call"] == str(CALL) and order["port"] != rendezvous.port
    time.sleep(0.5)
    assert leader.is_alive(), "it waits for the other's part"
    node.go("")
    assert leader.ended() is None


def test_strangers_are_ignored_and_who_comes_later_has_the_seat(rendezvous):
    leader = Leader(Rendezvous(rendezvous.host, rendezvous.port, 3, TERMS, 20))
    earlier = Node(rendezvous, 1)
    earlier.sits()
    first = Node(rendezvous, 1)
    with closing(socket.create_connection((rendezvous.host, rendezvous.port))) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        earlier.thread.join(5)
        assert "node 1 was refused: there is a node 1 (there)" in earlier.refused
        second = Node(rendezvous, 2)
        for node in (first, second):
            assert node.told()["call"] == str(CALL)
            node.go("")
        assert leader.ended() is None


def test_a_node_that_went_silent_has_not_come(rendezvous, monkeypatch):
    monkeypatch.setattr(nodes, "_SILENT_SECONDS", 1.0)
    leader = Leader(Rendezvous(rendezvous.host, rendezvous.port, 3, TERMS, 10))
    store_of_leader(rendezvous).set("seat 2", json.dumps(seat_of(2)))
    assert re.search(r"node 1, 2 did not come to localhost:\d+ within 10 s. Remedy", leader.ended())


def test_another_study_is_refused_on_both_sides_and_what_is_not_asked_may_differ(rendezvous):
    leader = Leader(rendezvous)
    node = Node(rendezvous, terms=Fingerprint.of("call", projection_dim=2))
    assert "node 1 (there) came with another study" in leader.ended()
    assert "projection_dim: 4 here, 2 there" in leader.error
    node.thread.join(5)
    assert node.refused == "node 1 was refused: projection_dim: 2 here, 4 there"
    more = {"projection_dim": 4, "methods.bm25.k1": 1.2}
    again = Leader(rendezvous)
    fits = Node(rendezvous, terms=Fingerprint.of("call", **more))
    assert fits.told()
    fits.go("")
    assert again.ended() is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [(None, "node 1 (there) was lost"), ("no disk", "failed: no disk")],
)
def test_the_leaders_processes_end_with_a_node(rendezvous, answer, said, monkeypatch):
    monkeypatch.setattr(nodes, "_SILENT_SECONDS", 4.0)
    leader = Leader(rendezvous, wait_like_bergson)
    node = Node(rendezvous)
    assert node.told()
    node.go(answer)
    assert said in leader.ended()


def test_a_node_serves_each_call_once_and_outlives_a_leader(rendezvous):
    served = []

    def part(call: Path) -> str:
        served.append(call)
        if len(served) == 2:
            raise InputError("not seen")
        return "score scores"

    lines = join(rendezvous, 1, part)
    assert "waits for calls" in next(lines)
    for error, line in ((None, ": ended"), ("node 1 .* failed: InputError: not seen", "not seen")):
        found: list[str] = []
        node = threading.Thread(target=lambda found=found: found.append(next(lines)))
        node.start()
        dying = nodes._store("localhost", rendezvous.port, is_master=True)
        time.sleep(1)
        del dying
        said = Leader(rendezvous).ended()
        assert re.match(error, said) if error else said is None
        node.join(10)
        assert line in found[0]
    assert served == [CALL, CALL]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lengths", "expected"),
    [([9] * 6, (3, 2)), ([9] * 5, (1, 2)), ([9] * 5 + [1], (1, 2)), ([9], (1, 1)), ([], (1, 1))],
)
def test_each_process_has_a_document(lengths, expected, monkeypatch):
    # Variables of a Slurm step, in which this worker is not the first.
    monkeypatch.setenv("SLURM_NODEID", "1")
    study = scoring_study(Path("model"))
    compute = Compute(nodes=3, processes=2)
    home = Home(Path("root"), "tiny")
    method = Gradients(study.model, None, Projection(4), study.attribution, compute, home, 0, 512)
    rows = [Encoded(input_ids=[1] * length, labels=[1] * length) for length in lengths]
    found = method._distributed(rows)
    assert (found.nnode, found.nproc_per_node, found.rank) == (*expected, 0)


def test_scores_that_another_node_wrote_and_nobody_sees_are_an_error():
    fields = [("score_0", "f4"), ("written_0", "?"), ("score_1", "f4"), ("written_1", "?")]
    stored = np.zeros(3, fields)
    stored["written_0"], stored["written_1"] = [True, True, False], [True, False, False]
    with pytest.raises(HealthError, match=r"scores of 1 documents.*Remedy"):
        _require_written(stored, [True, True, False])
    stored["written_1"][1] = True
    _require_written(stored, [True, True, False])
