"""Facts merged from all shards: the strongest documents per item, and sums per item and bin.

Does not belong here: scoring (`stage`) and the arithmetic (`rollup`).
"""

import polars as pl

from influence_warehouse.attribution import rollup
from influence_warehouse.attribution.scoring import SHARD_FACTS, fingerprint_of_document_scores
from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.study.study import Study


def fingerprint_of_merged(study: Study, lake: Lake, fact: str) -> Fingerprint:
    """Of a fact that is made from all shards as they are on disk."""
    shards = {
        f"shard.{shard:05d}": lake.require("document_scores", shard).digest
        for shard in range(study.sampling.shards)
    }
    return Fingerprint.of(fact, **shards)


def fingerprint_of_proponents(study: Study, lake: Lake) -> Fingerprint:
    """From every shard's fingerprint."""
    return fingerprint_of_merged(study, lake, "proponents")


def make_proponents(study: Study, lake: Lake) -> Outcome:
    """The strongest and weakest `top_k` documents of each item over all shards."""
    fingerprint = fingerprint_of_proponents(study, lake)
    if lake.is_current(fingerprint):
        return lake.reused(fingerprint)
    for fact in SHARD_FACTS:
        lake.drop_shards(fact, study.sampling.shards)
    shards = _all_shards(study, lake, "shard_proponents")
    merged = rollup.merge_proponents(shards, study.attribution.top_k)
    lake.write("proponents", merged, fingerprint)
    return Outcome("proponents", len(merged), False)


def fingerprint_of_bin_item_scores(study: Study, lake: Lake) -> Fingerprint:
    """From every shard's fingerprint."""
    return fingerprint_of_merged(study, lake, "bin_item_scores")


def make_bin_item_scores(study: Study, lake: Lake) -> Outcome:
    """Sums per item and bin over all shards, with the count of top documents."""
    fingerprint = fingerprint_of_bin_item_scores(study, lake)
    if lake.is_current(fingerprint):
        return lake.reused(fingerprint)
    shards = _all_shards(study, lake, "shard_bin_item_scores")
    merged = rollup.merge_bin_item_scores(shards, lake.read("proponents"))
    lake.write("bin_item_scores", merged, fingerprint)
    return Outcome("bin_item_scores", len(merged), False)


def _all_shards(study: Study, lake: Lake, fact: str) -> pl.DataFrame:
    frames = []
    for shard in range(study.sampling.shards):
        wanted = fingerprint_of_document_scores(study, lake, shard)
        frames.append(lake.read_expecting(Fingerprint(fact, wanted.parts), shard))
    return pl.concat(frames)
