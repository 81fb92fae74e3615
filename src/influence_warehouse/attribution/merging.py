"""Facts of one method merged from all its shards: the strongest documents per item, and sums per
item and bin.

Does not belong here: scoring (`scoring`) and the arithmetic (`rollup`).
"""

import polars as pl

from influence_warehouse.attribution import rollup
from influence_warehouse.attribution.scoring import SHARD_FACTS, fingerprint_of_document_scores
from influence_warehouse.lake.facts import Lake, Outcome, Part
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.study.study import Study


def fingerprint_of_merged(study: Study, lake: Lake, fact: str, cell: Part) -> Fingerprint:
    """Of a fact that is made from all shards of a cell as they are on disk."""
    shards = {
        f"shard.{part.rpartition('|')[2]}": lake.require("document_scores", part).digest
        for part in shards_of(study, cell)
    }
    return Fingerprint.of(fact, **shards)


def fingerprint_of_proponents(study: Study, lake: Lake, cell: Part) -> Fingerprint:
    """From every shard's fingerprint."""
    return fingerprint_of_merged(study, lake, "proponents", cell)


def make_proponents(study: Study, lake: Lake, cell: Part) -> Outcome:
    """The strongest and weakest `top_k` documents of each item over all shards."""
    fingerprint = fingerprint_of_proponents(study, lake, cell)
    if lake.is_current(fingerprint, cell):
        return lake.reused(fingerprint, cell)
    for fact in SHARD_FACTS:
        lake.drop_parts(fact, shards_of(study, cell), f"{cell}|")
    shards = _all_shards(study, lake, "shard_proponents", cell)
    merged = rollup.merge_proponents(shards, study.attribution.top_k)
    lake.write("proponents", merged, fingerprint, cell)
    return Outcome("proponents", len(merged), False)


def fingerprint_of_bin_item_scores(study: Study, lake: Lake, cell: Part) -> Fingerprint:
    """From every shard's fingerprint."""
    return fingerprint_of_merged(study, lake, "bin_item_scores", cell)


def make_bin_item_scores(study: Study, lake: Lake, cell: Part) -> Outcome:
    """Sums per item and bin over all shards, with the count of top documents."""
    fingerprint = fingerprint_of_bin_item_scores(study, lake, cell)
    if lake.is_current(fingerprint, cell):
        return lake.reused(fingerprint, cell)
    shards = _all_shards(study, lake, "shard_bin_item_scores", cell)
    merged = rollup.merge_bin_item_scores(shards, lake.read("proponents", cell))
    lake.write("bin_item_scores", merged, fingerprint, cell)
    return Outcome("bin_item_scores", len(merged), False)


def _all_shards(study: Study, lake: Lake, fact: str, cell: Part) -> pl.DataFrame:
    frames = []
    for part in shards_of(study, cell):
        wanted = fingerprint_of_document_scores(study, lake, part)
        frames.append(lake.read_expecting(Fingerprint(fact, wanted.parts), part))
    return pl.concat(frames)
