"""Several nodes on one shard: the first leads, the others join each of its calls of Bergson.

For each call the leader opens MASTER_PORT, waits until every other node has come and agrees on
the study and the versions, and sends the call's folder, which all see in the study's home. Their
connections stay open as long as the call lasts, so that each side notices when the other is gone,
and then ends its own part, which would wait for hours.
Does not belong here: what a call computes (`calls`).
"""

import errno
import json
import multiprocessing
import os
import platform
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from influence_warehouse.errors import InfluenceError, NodesError, StudyError
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.design import Section
from influence_warehouse.study.study import Study

_HELLO_SECONDS = 5.0
_RETRY_SECONDS = 0.5
_ENDING_SECONDS = 300.0
_LONGEST_LINE = 1 << 16
_ENDED: dict[str, Any] = {"ended": True}
# A machine that vanished without closing its connections is noticed after about a minute.
_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


@dataclass(frozen=True)
class Rendezvous:
    """Where a study's nodes meet, what they must agree on, and how long the leader waits."""

    host: str
    port: int
    nodes: int
    terms: Fingerprint
    seconds: float

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def rendezvous_of(study: Study, home: Home) -> Rendezvous | None:
    """The meeting that the environment names; None for a study on one node.

    Raises StudyError when MASTER_ADDR or MASTER_PORT is missing or not an address.
    """
    nodes = study.compute.nodes
    if nodes == 1:
        return None
    host, port = os.environ.get("MASTER_ADDR", ""), os.environ.get("MASTER_PORT", "")
    wait = os.environ.get("INFLUENCE_NODES_WAIT", "600")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or not wait.isdecimal():
        raise StudyError(
            f"compute.nodes: {nodes} nodes meet where the environment says, which has "
            f"MASTER_ADDR={host!r}, MASTER_PORT={port!r}, INFLUENCE_NODES_WAIT={wait!r}. Remedy: "
            "on all nodes set MASTER_ADDR to the first node's name and MASTER_PORT to a free port "
            "of it (seconds to wait are optional), or set compute.nodes to 1."
        )
    return Rendezvous(host, int(port), nodes, _terms(study, home), float(wait))


def _terms(study: Study, home: Home) -> Fingerprint:
    """What must be equal on all nodes: where the home is, how gradients are made, versions."""
    libraries = ("influence-warehouse", "bergson", "torch", "transformers")
    settings = study.attribution
    sections: dict[str, Section] = {"compute": study.compute}
    sections |= {f"models.{model.name}": model for model in study.models}
    sections |= {f"methods.{method.name}": method for method in settings.methods}
    return Fingerprint.of(
        "call",
        home=str(home.path),
        token_batch_size=settings.token_batch_size,
        tf32=settings.tf32,
        **{
            f"{section}.{name}": value
            for section, fields in sections.items()
            for name, value in fields.model_dump(mode="json").items()
        },
        **{name: version(name) for name in libraries},
    )


@contextmanager
def joined(meeting: Rendezvous, call: Path) -> Iterator[None]:
    """Run the block, the leader's part of a call, while all other nodes run theirs.

    `call` is the folder with the call's configuration. At the end of the block every node has
    ended its part. Raises NodesError when nodes did not come, do not fit, fail or are lost.
    """
    with ExitStack() as open_links:
        links = _gather(meeting, open_links)
        port = _free_port()
        watch = _Watch(links)
        for link in links:
            link.send({"call": str(call), "port": port})
        with watch.watching(), _bergson_meets_at(port):
            try:
                yield
            except RuntimeError as error:
                # Bergson's word for a part that ended. Which node was first, the others may say.
                watch.wait_for_answers(_HELLO_SECONDS)
                if watch.problems:
                    raise _lost([*watch.problems, f"the leader's part: {error}"]) from error
                raise
            watch.wait_for_answers(_ENDING_SECONDS)
            problems = watch.problems or watch.late()
        if problems:
            raise _lost(problems)


def join(meeting: Rendezvous, node: int, take_part: Callable[[Path], str]) -> Iterator[str]:
    """Take part in every call of the leaders that come; a line for each, without end.

    `take_part` runs this node's part of the call in a folder and returns its name.
    Raises NodesError when the leader refuses this node.
    """
    yield f"node {node}: waits for calls at {meeting.place}"
    while True:
        link = _reach(meeting)
        try:
            hello = {"node": node, "host": platform.node(), "terms": meeting.terms.to_json()}
            link.send(hello)
            order = link.receive() or {}
            if "refused" in order:
                raise NodesError(f"node {node} was refused: {order['refused']}")
            if isinstance(order.get("call"), str) and isinstance(order.get("port"), int):
                yield f"node {node}: {_part_of_call(link, order, take_part)}"
            else:
                time.sleep(_RETRY_SECONDS)
        finally:
            link.close()


def _part_of_call(link: "_Link", order: dict[str, Any], take_part: Callable[[Path], str]) -> str:
    """Run this node's part and tell the leader how it ended; a line that says so."""
    started = time.monotonic()
    watch = _Watch([link])
    with watch.watching(), _bergson_meets_at(order["port"]):
        answer = _ENDED
        try:
            name = take_part(Path(order["call"]))
        except (InfluenceError, RuntimeError, OSError, ValueError) as error:
            name, answer = order["call"], {"failed": f"{type(error).__name__}: {error}"[:2000]}
        # Before the answer: after it the leader may well be gone.
        said = [*watch.problems, str(answer.get("failed", "ended"))][0]
        link.send(answer)
    return f"{name}: {said}, {time.monotonic() - started:.1f} s"


class _Link:
    """A connection to another node: one JSON object a line."""

    def __init__(self, connection: socket.socket, peer: str) -> None:
        self.peer = peer
        self._connection = connection
        self._lines = connection.makefile("rb")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def send(self, message: dict[str, Any]) -> None:
        """To a peer that is gone, nothing: that is noticed on receiving."""
        with suppress(OSError):
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, seconds: float | None = None) -> dict[str, Any] | None:
        """The next message; None when the peer is gone, silent too long or speaks otherwise."""
        try:
            self._connection.settimeout(seconds)
            message = json.loads(self._lines.readline(_LONGEST_LINE))
            self._connection.settimeout(None)
        except (OSError, ValueError):
            return None
        return message if isinstance(message, dict) else None

    def is_gone(self) -> bool:
        """Whether a peer that has nothing to say has closed its end."""
        try:
            return self._connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self._connection.close()


class _Watch:
    """Listens to the peers of a call; when one is gone or failed, ends this process's part."""

    def __init__(self, links: list[_Link]) -> None:
        self.problems: list[str] = []
        self._is_over = threading.Event()
        self._answered = {link: threading.Event() for link in links}
        self._others = set(multiprocessing.active_children())

    @contextmanager
    def watching(self) -> Iterator[None]:
        for link in self._answered:
            threading.Thread(target=self._listen, args=(link,), daemon=True).start()
        try:
            yield
        finally:
            self._is_over.set()

    def wait_for_answers(self, seconds: float) -> None:
        """Until every peer has answered, or is late."""
        deadline = time.monotonic() + seconds
        for answered in self._answered.values():
            answered.wait(max(0.0, deadline - time.monotonic()))

    def late(self) -> list[str]:
        """Who has not answered."""
        waiting = [link.peer for link, answered in self._answered.items() if not answered.is_set()]
        return [f"{peer} has not ended its part" for peer in waiting]

    def _listen(self, link: _Link) -> None:
        answer = link.receive()
        if answer != _ENDED and not self._is_over.is_set():
            failed = (answer or {}).get("failed")
            self.problems.append(f"{link.peer} {f'failed: {failed}' if failed else 'was lost'}")
        self._answered[link].set()
        # Bergson waits for its processes: without them it raises RuntimeError. It may be just
        # about to start them.
        while self.problems and not self._is_over.wait(0.2):
            for child in set(multiprocessing.active_children()) - self._others:
                child.kill()


def _lost(problems: list[str]) -> NodesError:
    return NodesError(
        "; ".join(problems) + ". Remedy: see that node's output, start what ended there "
        "(`influence join STUDY --node K`), and run this again: what was finished is kept."
    )


def _gather(meeting: Rendezvous, open_links: ExitStack) -> list[_Link]:
    """Connections to all other nodes, which have agreed; whoever goes before all are there may
    come again."""
    deadline = time.monotonic() + meeting.seconds
    came: dict[int, _Link] = {}
    with _listening(meeting, deadline) as server:
        server.settimeout(0.5)
        while True:
            came = {node: link for node, link in came.items() if not link.is_gone()}
            missing = sorted(set(range(1, meeting.nodes)) - set(came))
            if not missing:
                return list(came.values())
            if time.monotonic() > deadline:
                raise _missing(meeting, missing)
            with suppress(TimeoutError):
                connection, (address, *_) = server.accept()
                link = _Link(connection, address)
                open_links.callback(link.close)
                _admit(link, meeting, came)


def _missing(meeting: Rendezvous, missing: list[int]) -> NodesError:
    names = ", ".join(map(str, missing))
    return NodesError(
        f"compute.nodes: {meeting.nodes}, but node {names} did not come to {meeting.place} within "
        f"{meeting.seconds:.0f} s. Remedy: start `influence join STUDY --node K` on each, with "
        "MASTER_ADDR naming the machine of this process "
        f"({platform.node()}) and the same MASTER_PORT, which no firewall may close."
    )


def _admit(link: _Link, meeting: Rendezvous, came: dict[int, _Link]) -> None:
    """Let a node in that agrees. Raises NodesError, on both sides, for one that does not."""
    hello = link.receive(_HELLO_SECONDS) or {}
    node, terms = hello.get("node"), hello.get("terms")
    if not isinstance(node, int) or not isinstance(terms, str) or not 0 < node < meeting.nodes:
        # Not one of ours: a scan of ports, a health check.
        link.close()
        return
    link.peer = f"node {node} ({hello.get('host')})"
    theirs = _of_this_call(Fingerprint.from_json(terms), meeting.terms)
    differences = meeting.terms.differences(theirs)
    if differences:
        link.send({"refused": "; ".join(theirs.differences(meeting.terms))})
        raise NodesError(
            f"{link.peer} came with another study or other versions: {'; '.join(differences)}. "
            "Remedy: the same study file, warehouse and packages on all nodes."
        )
    if node in came and not came[node].is_gone():
        taken = f"there is a {came[node].peer}. Remedy: a --node of its own for each"
        link.send({"refused": taken})
        link.close()
        return
    came[node] = link


def _of_this_call(theirs: Fingerprint, ours: Fingerprint) -> Fingerprint:
    """Without the models and methods of the study that this call is not about."""
    about = {
        name: value
        for name, value in theirs.parts.items()
        if name in ours.parts or not name.startswith(("models.", "methods."))
    }
    return Fingerprint(theirs.fact, about)


def _listening(meeting: Rendezvous, deadline: float) -> socket.socket:
    """The leader's end; another leader on this machine may have to end first."""
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    while True:
        try:
            return socket.create_server(("", meeting.port), family=family, dualstack_ipv6=dual)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise NodesError(
                    f"MASTER_PORT {meeting.port}: {error.strerror}. Remedy: a port that is free "
                    "on this machine, the same on all nodes; a port of its own for each worker."
                ) from error
        time.sleep(_RETRY_SECONDS)


def _reach(meeting: Rendezvous) -> _Link:
    """A connection to a leader, once there is one: it listens between two calls only."""
    while True:
        with suppress(OSError):
            address = (meeting.host, meeting.port)
            return _Link(socket.create_connection(address, _HELLO_SECONDS), "the leader")
        time.sleep(_RETRY_SECONDS)


def _free_port() -> int:
    """Of its own for each call: processes of one that broke cannot come into the next."""
    with socket.create_server(("", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _bergson_meets_at(port: int) -> Iterator[None]:
    before = os.environ["MASTER_PORT"]
    os.environ["MASTER_PORT"] = str(port)
    try:
        yield
    finally:
        os.environ["MASTER_PORT"] = before
