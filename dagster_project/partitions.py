"""Partitions: the shards of a study's documents, each scored whole or not at all.

Does not belong here: how documents fall into shards (the sampling stage).
"""

import dagster as dg

from dagster_project.settings import settings


def shard_key(shard: int) -> str:
    """Partition key of a shard; five digits, as in its files' names."""
    return f"{shard:05d}"


shards = dg.StaticPartitionsDefinition(
    [shard_key(shard) for shard in range(settings().study.sampling.shards)]
)
