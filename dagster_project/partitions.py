"""Partitions: shards of a study's documents, and unlearning runs; each is made whole or not.

Does not belong here: how documents fall into shards (the sampling stage), and which runs
there are (the unlearning plan).
"""

from collections.abc import Sequence

import dagster as dg

from dagster_project.settings import settings
from influence_warehouse.pipeline.parts import shards as shard_keys

shards = dg.StaticPartitionsDefinition(shard_keys(settings().study))

# One instance serves all studies of a warehouse, so the name says whose runs they are.
runs = dg.DynamicPartitionsDefinition(name=f"unlearning_runs_{settings().study.name}")

BY_PARTS = {"shards": shards, "runs": runs}
"""Partitions of a step by its `parts`; those of other kinds are made in one materialization."""


def sync_run_partitions(instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    """Make the run partitions exactly `keys`: new ones appear, those out of the plan go."""
    name = runs.name or ""
    known = instance.get_dynamic_partitions(name)
    for key in set(known) - set(keys):
        instance.delete_dynamic_partition(name, key)
    instance.add_dynamic_partitions(name, [key for key in keys if key not in known])
