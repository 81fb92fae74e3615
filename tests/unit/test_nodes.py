"""How nodes meet, agree and notice that one is gone; nothing is computed here.

The other nodes are sockets that say what `influence join` says.
"""

import json
import multiprocessing
import re
import socket
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from influence_warehouse.attribution.nodes import Rendezvous, join, joined, rendezvous_of
from influence_warehouse.attribution.trackstar import TrackStar, _require_written
from influence_warehouse.errors import HealthError, InputError, NodesError, StudyError
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.loading import Encoded
from influence_warehouse.study.study import Compute, Study
from tests.scoring_lake import scoring_study

TERMS = Fingerprint.of("call", projection_dim=4)
CALL = Path("/shared/documents.part")


@pytest.fixture
def meeting(monkeypatch) -> Rendezvous:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("MASTER_PORT", str(port))
    return Rendezvous("localhost", port, 2, TERMS, 20)


def come(meeting: Rendezvous, node: int = 1) -> socket.socket:
    """A node that has said who it is."""
    deadline = time.monotonic() + 10
    while True:
        try:
            connection = socket.create_connection((meeting.host, meeting.port))
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            continue
        hello = {"node": node, "host": "there", "terms": meeting.terms.to_json()}
        connection.sendall(json.dumps(hello).encode() + b"\n")
        return connection


def order_to(connection: socket.socket) -> dict:
    with connection.makefile() as lines:
        return json.loads(lines.readline() or "{}")


class Leader(threading.Thread):
    """Leads one call, in which it does `part`."""

    def __init__(self, meeting: Rendezvous, part=lambda: None) -> None:
        super().__init__(daemon=True)
        self.meeting, self.part, self.error = meeting, part, None
        self.start()

    def run(self) -> None:
        try:
            with joined(self.meeting, CALL):
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


def test_a_call_is_told_and_ends_when_all_have(meeting):
    leader = Leader(meeting)
    with closing(come(meeting)) as node:
        order = order_to(node)
        assert order["call"] == str(CALL) and order["port"] != meeting.port
        time.sleep(0.3)
        assert leader.is_alive(), "it waits for the other's part"
        node.sendall(b'{"ended": true}\n')
        assert leader.ended() is None


def test_strangers_are_ignored_and_who_goes_may_come_again(meeting):
    leader = Leader(Rendezvous(meeting.host, meeting.port, 3, TERMS, 20))
    come(meeting, 1).close()
    with closing(come(meeting, 1)) as first, closing(come(meeting, 1)) as twice:
        assert "there is a node 1 (there)" in order_to(twice)["refused"]
        with closing(socket.create_connection((meeting.host, meeting.port))) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with closing(come(meeting, 2)) as second:
                for node in (first, second):
                    assert order_to(node)["call"] == str(CALL)
                    node.sendall(b'{"ended": true}\n')
                assert leader.ended() is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"", "node 1 (there) was lost"), (b'{"failed": "no disk"}\n', "failed: no disk")],
)
def test_the_leaders_processes_end_with_a_node(meeting, answer, said):
    leader = Leader(meeting, wait_like_bergson)
    with closing(come(meeting)) as node:
        order_to(node)
        node.sendall(answer)
    assert said in leader.ended()


def test_a_node_serves_each_call_once_and_outlives_a_leader(meeting):
    served = []

    def part(call: Path) -> str:
        served.append(call)
        if len(served) == 2:
            raise InputError("not seen")
        return "score scores"

    lines = join(meeting, 1, part)
    assert "waits for calls" in next(lines)
    for error, line in ((None, ": ended"), ("node 1 .* failed: InputError: not seen", "not seen")):
        with socket.create_server(("localhost", meeting.port)) as server:
            dying = threading.Thread(target=lambda server=server: server.accept()[0].close())
            dying.start()
            found: list[str] = []
            node = threading.Thread(target=lambda found=found: found.append(next(lines)))
            node.start()
            dying.join()
        said = Leader(meeting).ended()
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
    method = TrackStar(study.model, None, study.method, study.attribution, compute, Path("log"), 0)
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
