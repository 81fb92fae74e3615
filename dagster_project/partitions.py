"""Partitions: shards of a study's documents, and runs of a plan; each is made whole or not.

Does not belong here: how documents fall into shards (the sampling stage), and which runs
there are (the plans of unlearning and retraining).
"""

from collections.abc import Sequence

import dagster as dg

from dagster_project.settings import settings
from influence_warehouse.pipeline.parts import shards as shard_keys
from influence_warehouse.pipeline.steps import RUNS

shards = dg.StaticPartitionsDefinition(shard_keys(settings().study))

# One instance serves all studies of a warehouse, so the name says whose runs they are.
RUNS_BY_KIND = {
    kind: dg.DynamicPartitionsDefinition(name=f"{stage}_runs_{settings().study.name}")
    for kind, stage in RUNS.items()
}

BY_PARTS: dict[str, dg.PartitionsDefinition] = {"shards": shards, **RUNS_BY_KIND}
"""Partitions of a step by its `parts`; those of other kinds are made in one materialization."""


def sync_run_partitions(instance: dg.DagsterInstance, kind: str, keys: Sequence[str]) -> None:
    """Make the partitions of a kind of runs exactly `keys`: new ones appear, those out of the plan
    go."""
    name = RUNS_BY_KIND[kind].name or ""
    known = instance.get_dynamic_partitions(name)
    for key in set(known) - set(keys):
        instance.delete_dynamic_partition(name, key)
    instance.add_dynamic_partitions(name, [key for key in keys if key not in known])
