"""Bergson's calls, on one node or on all nodes of a study.

A call is one of Bergson's own commands. Its configuration is in the folder that it fills, where
the other nodes read it: nothing that is computed comes over the network from us.
Does not belong here: how nodes find each other (`nodes`), what is called when (`trackstar`).
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.nodes import Rendezvous, join, joined, rendezvous_of
from influence_warehouse.errors import InputError, StudyError
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    from bergson.cli.commands import Build, Hessian, Score

    Command: TypeAlias = Build | Hessian | Score

_SEEN_SECONDS = 60.0


def run_call(command: "Command", rendezvous: Rendezvous | None) -> None:
    """Fill the command's run folder, together with the other nodes if it is for more than one."""
    from bergson.config.config_io import save_run_config
    from bergson.utils.worker_utils import validate_run_path

    config = command.index_cfg
    validate_run_path(config)
    save_run_config(command, config.partial_run_path)
    if rendezvous is None or config.distributed.nnode == 1:
        _perform(command)
        return
    with joined(rendezvous, config.partial_run_path):
        _perform(command)


def join_calls(study: Study, home: Home, node: int) -> Iterator[str]:
    """Be the study's node `node` (from 1) in all calls that come; a line for each, without end.

    Raises StudyError for a node that the study has not, NodesError when the leader refuses it.
    """
    rendezvous = rendezvous_of(study, home)
    if rendezvous is None or not 0 < node < rendezvous.nodes:
        raise StudyError(
            f"--node {node}: compute.nodes is {study.compute.nodes}, of which node 0 leads and "
            "those from 1 on join. Remedy: another number, or a larger compute.nodes."
        )
    log = home.runs / f"bergson-node-{node}.log"

    def take_part(call: Path) -> str:
        if not call.resolve().is_relative_to(home.work.resolve()):
            raise InputError(f"{call}: not in {home.work}, where calls of this study are")
        with bergson_output_to(log):
            return _take_part(call, node)

    yield from join(rendezvous, node, take_part)


def _take_part(call: Path, node: int) -> str:
    """Run this node's part of the call in the folder `call`; its name, for people."""
    from bergson.cli.commands import Build, Hessian, Score
    from bergson.config.config_io import CONFIG_FILENAME, read_config

    _wait_until_seen(call / CONFIG_FILENAME)
    commands = {"build": Build, "hessian": Hessian, "score": Score}
    ((kind, settings),) = read_config(call)["steps"][0].items()
    command = commands[kind].from_dict(settings, drop_extra_fields=False)
    config = command.index_cfg
    for needed in (config.data.dataset, config.model):
        _wait_until_seen(Path(needed))
    config.distributed.node_rank = node
    _perform(command)
    return f"{kind} {Path(config.run_path).name}"


def _perform(command: "Command") -> None:
    from bergson.build import build
    from bergson.cli.commands import Build, Hessian
    from bergson.hessians.hessian_approximations import approximate_hessians
    from bergson.score.score import score_dataset

    if isinstance(command, Hessian):
        approximate_hessians(command.index_cfg, command.hessian_cfg)
    elif isinstance(command, Build):
        build(command.index_cfg, command.preprocess_cfg)
    else:
        score_dataset(command.index_cfg, command.score_cfg, command.preprocess_cfg)


def _wait_until_seen(path: Path) -> None:
    """File systems of a network show a new file late."""
    deadline = time.monotonic() + _SEEN_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise InputError(
                f"{path}: not seen on this node. Remedy: put warehouse and models where all nodes "
                "see them under the same path."
            )
        time.sleep(0.5)
