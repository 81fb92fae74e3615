"""Facts of one method merged from all its shards: the strongest documents per item, and sums per
item and bin, or hashed bucket.

Does not belong here: scoring (`scoring`) and the arithmetic (`rollup`).
"""

import polars as pl

from influence_warehouse.attribution import rollup
from influence_warehouse.attribution.scoring import BUCKET_FACT, SHARD_FACTS
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.pipeline.task import Made, Task


def make_proponents(task: Task) -> list[Made]:
    """The strongest and weakest `top_k` documents of each item over all shards."""
    for fact in SHARD_FACTS:
        task.lake.drop_parts(fact, shards_of(task.study, task.key), f"{task.key}|")
    shards = _all_shards(task, "shard_proponents")
    return [Made("proponents", rollup.merge_proponents(shards, task.study.attribution.top_k))]


def make_bin_item_scores(task: Task) -> list[Made]:
    """Sums per item and bin over all shards, with the count of top documents."""
    shards = _all_shards(task, "shard_bin_item_scores")
    proponents = task.lake.read("proponents", task.key)
    return [Made("bin_item_scores", rollup.merge_bin_item_scores(shards, proponents))]


def make_bucket_item_scores(task: Task) -> list[Made]:
    """Sums per item and hashed bucket over all shards."""
    task.lake.drop_parts(BUCKET_FACT, shards_of(task.study, task.key), f"{task.key}|")
    sums = rollup.merge_bucket_item_scores(_all_shards(task, BUCKET_FACT))
    return [Made("bucket_item_scores", sums)]


def _all_shards(task: Task, fact: str) -> pl.DataFrame:
    return task.lake.read_parts(fact, shards_of(task.study, task.key))
