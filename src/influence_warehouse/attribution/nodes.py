"""Several nodes on one shard: the first leads, the others join each of its calls of Bergson.

For each call the leader opens a store of torch at MASTER_PORT (`TCPStore`). There the others find
what must be equal on all nodes, take their seats, and read which folder the call is in, which all
see in the study's home. Each counts up a beat as long as the call lasts; a side that notices that
the other is gone ends its own part, which would wait for hours. What a call computes stands in
`bergson_commands`.
"""

import json
import multiprocessing
import os
import platform
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from influence_warehouse.errors import InfluenceError, NodesError, StudyError
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.design import Section
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    from torch.distributed import TCPStore

_BEAT_SECONDS = 0.5
_SILENT_SECONDS = 20.0  # longer than loading a library keeps a node's threads from beating
_ENDING_SECONDS = 300.0
# Keys of the store; a node has a new name each time that it comes.
_SEAT, _BEAT, _REFUSED, _ANSWER = "seat {node}", "beat {name}", "refused {name}", "answer {name}"


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
    """Where the environment says that nodes meet; None for a study on one node.

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
def joined(rendezvous: Rendezvous, call: Path) -> Iterator[None]:
    """Run the block, the leader's part of a call, while all other nodes run theirs.

    `call` is the folder with the call's configuration. At the end of the block every node has
    ended its part. Raises NodesError when nodes did not come, do not fit, fail or are lost.
    """
    deadline = time.monotonic() + rendezvous.seconds
    others = _Others(_opened(rendezvous, deadline), rendezvous)
    others.gather(deadline)
    port = _free_port()
    others.store.set("order", json.dumps({"call": str(call), "port": port}))
    with _watching(others.problems) as problems, _bergson_meets_at(port):
        try:
            yield
        except RuntimeError as error:
            # Bergson's word for a part that ended. Which node was first, the others may say.
            others.wait(_SILENT_SECONDS + 5)
            if problems:
                raise _lost([*problems, f"the leader's part: {error}"]) from error
            raise
        others.wait(_ENDING_SECONDS)
    problems += [f"{node['who']} has not ended its part" for node in others.working]
    if problems:
        raise _lost(problems)


def join(rendezvous: Rendezvous, node: int, take_part: Callable[[Path], str]) -> Iterator[str]:
    """Take part in every call of the leaders that come; a line for each, without end.

    `take_part` runs this node's part of the call in a folder and returns its name.
    Raises NodesError for another study or other versions, or when another takes this seat.
    """
    # What torch has to say of a store that closed is a trace of its own code.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    from torch.distributed import DistError

    yield f"node {node}: waits for calls at {rendezvous.place}"
    while True:
        who, terms = f"node {node} ({platform.node()})", rendezvous.terms.to_json()
        me = {"node": node, "who": who, "name": uuid.uuid4().hex, "terms": terms}
        # Between two calls there is no store, and one whose leader is gone does not matter.
        with suppress(OSError, DistError):
            # Asked by a plain connection first: torch writes many lines on each that fails.
            socket.create_connection((rendezvous.host, rendezvous.port), 5).close()
            store = _store(rendezvous.host, rendezvous.port)
            if not store.check(["order"]):
                order = _order(store, me)
                yield f"node {node}: {_part_of_call(store, me, order, take_part)}"
        time.sleep(_BEAT_SECONDS)


def _order(store: "TCPStore", me: dict[str, Any]) -> dict[str, Any]:
    """What the leader tells once all have come: the call's folder and Bergson's port."""
    seat, refused = _SEAT.format(**me), _REFUSED.format(**me)
    # Who comes later sits down: it may have been started in place of one that died.
    store.set(seat, json.dumps(me))
    while not store.check(["order"]):
        store.set(_BEAT.format(**me), "")
        time.sleep(_BEAT_SECONDS)
        seated = json.loads(store.get(seat))
        reason = f"there is a {seated['who']}. Remedy: a --node of its own for each"
        if seated != me or store.check([refused]):
            reason = store.get(refused).decode() if seated == me else reason
            raise NodesError(f"node {me['node']} was refused: {reason}")
    order: dict[str, Any] = json.loads(store.get("order"))
    return order


def _part_of_call(
    store: "TCPStore", me: dict[str, Any], order: dict[str, Any], take_part: Callable[[Path], str]
) -> str:
    """Run this node's part and tell the leader how it ended; a line that says so."""
    from torch.distributed import DistError

    def beat() -> list[str]:
        try:
            store.set(_BEAT.format(**me), "")
        except DistError:
            return ["the leader was lost"]
        return []

    started, name, failed = time.monotonic(), order["call"], ""
    with _watching(beat) as problems, _bergson_meets_at(order["port"]):
        try:
            name = take_part(Path(order["call"]))
        except (InfluenceError, RuntimeError, OSError, ValueError) as error:
            failed = f"{type(error).__name__}: {error}"[:2000]
        with suppress(DistError):
            store.set(_ANSWER.format(**me), failed)
    return f"{name}: {[*problems, failed or 'ended'][0]}, {time.monotonic() - started:.1f} s"


class _Others:
    """The other nodes, as the leader sees them in its store."""

    def __init__(self, store: "TCPStore", rendezvous: Rendezvous) -> None:
        self.store, self._rendezvous = store, rendezvous
        self.working: list[dict[str, Any]] = []
        self._heard: dict[str, float] = {}

    def gather(self, deadline: float) -> None:
        """Wait for all, which must agree; whoever goes before all are there may come again."""
        expected = set(range(1, self._rendezvous.nodes))
        while missing := sorted(expected - {node["node"] for node in self.working}):
            if time.monotonic() > deadline:
                raise _missing(self._rendezvous, missing)
            time.sleep(_BEAT_SECONDS / 2)
            seats = [_SEAT.format(node=node) for node in expected]
            seated = [json.loads(self.store.get(seat)) for seat in seats if self._has(seat)]
            self.working = [node for node in seated if not self._is_silent(node)]
            for node in self.working:
                self._require_fit(node)

    def problems(self) -> list[str]:
        """Who has failed or is gone; whoever has answered works no more."""
        problems = []
        for node in list(self.working):
            if self._has(_ANSWER.format(**node)):
                failed = self.store.get(_ANSWER.format(**node)).decode()
                problems += [f"{node['who']} failed: {failed}"] if failed else []
            elif self._is_silent(node):
                problems.append(f"{node['who']} was lost")
            else:
                continue
            self.working.remove(node)
        return problems

    def wait(self, seconds: float) -> None:
        """Until every node has answered, or is late."""
        deadline = time.monotonic() + seconds
        while self.working and time.monotonic() < deadline:
            time.sleep(0.05)

    def _has(self, key: str) -> bool:
        return self.store.check([key])

    def _is_silent(self, node: dict[str, Any]) -> bool:
        now = time.monotonic()
        if self.store.delete_key(_BEAT.format(**node)):
            self._heard[node["name"]] = now
        return now - self._heard.setdefault(node["name"], now) > _SILENT_SECONDS

    def _require_fit(self, node: dict[str, Any]) -> None:
        """Raises NodesError, on both sides, for another study or other versions."""
        ours, theirs = self._rendezvous.terms, Fingerprint.from_json(node["terms"])
        # Models and methods of the study that this call is not about may differ.
        about = {
            name: value
            for name, value in theirs.parts.items()
            if name in ours.parts or not name.startswith(("models.", "methods."))
        }
        theirs = Fingerprint(theirs.fact, about)
        if differences := ours.differences(theirs):
            self.store.set(_REFUSED.format(**node), "; ".join(theirs.differences(ours)))
            time.sleep(4 * _BEAT_SECONDS)  # the store ends with this process, which it must outlive
            raise NodesError(
                f"{node['who']} came with another study or other versions: "
                f"{'; '.join(differences)}. "
                "Remedy: the same study file, warehouse and packages on all nodes."
            )


@contextmanager
def _watching(look: Callable[[], list[str]]) -> Iterator[list[str]]:
    """The problems that `look` finds beside the block; at the first, this process's part ends."""
    problems: list[str] = []
    is_over = threading.Event()
    others = set(multiprocessing.active_children())

    def watch() -> None:
        while not is_over.wait(_BEAT_SECONDS / 2):
            problems.extend([] if problems else look())
            # Bergson waits for its processes: without them it raises RuntimeError. It may be
            # just about to start them.
            for child in set(multiprocessing.active_children()) - others if problems else ():
                child.kill()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield problems
    finally:
        is_over.set()
        thread.join()


def _lost(problems: list[str]) -> NodesError:
    return NodesError(
        "; ".join(problems) + ". Remedy: see that node's output, start what ended there "
        "(`influence join STUDY --node K`), and run this again: what was finished is kept."
    )


def _missing(rendezvous: Rendezvous, missing: list[int]) -> NodesError:
    names = ", ".join(map(str, missing))
    return NodesError(
        f"compute.nodes: {rendezvous.nodes}, but node {names} did not come to {rendezvous.place} "
        f"within {rendezvous.seconds:.0f} s. Remedy: start `influence join STUDY --node K` on "
        "each, with MASTER_ADDR naming the machine of this process "
        f"({platform.node()}) and the same MASTER_PORT, which no firewall may close."
    )


def _opened(rendezvous: Rendezvous, deadline: float) -> "TCPStore":
    """The leader's store; another leader on this machine may have to end first."""
    from torch.distributed import DistNetworkError

    while True:
        try:
            return _store("localhost", rendezvous.port, is_master=True)
        except DistNetworkError as error:
            if "EADDRINUSE" not in str(error) or time.monotonic() > deadline:
                raise NodesError(
                    f"MASTER_PORT {rendezvous.port}: {error}. Remedy: a port that is free "
                    "on this machine, the same on all nodes; a port of its own for each worker."
                ) from error
        time.sleep(_BEAT_SECONDS)


def _store(host: str, port: int, is_master: bool = False) -> "TCPStore":
    from torch.distributed import TCPStore

    wait = timedelta(seconds=_SILENT_SECONDS)
    return TCPStore(host, port, is_master=is_master, wait_for_workers=False, timeout=wait)


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
