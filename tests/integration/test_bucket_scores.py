"""Sums of scores by hashed bucket: those of the whole matrix, made in the same pass as all else."""

import numpy as np
import polars as pl
import pytest

from influence_warehouse.attribution.methods import Artefacts, Documents, method_of
from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.pipeline.parts import cells, shards_of
from influence_warehouse.pipeline.steps import steps
from influence_warehouse.sampling.buckets import bucket_of
from influence_warehouse.study.study import Study
from tests.retraining_world import SECTION, retraining_study, write_retraining_lake
from tests.scoring_lake import matrix_of

METHODS = [{"kind": "bm25"}, {"kind": "random"}]
SHARD, MERGED = "shard_bucket_item_scores", "bucket_item_scores"


@pytest.fixture
def world(tmp_path, tiny_model) -> tuple[Study, Lake]:
    return retraining_study(tiny_model, METHODS), write_retraining_lake(tmp_path)


def make_scores(study: Study, lake: Lake, cell: str) -> None:
    if "bm25" in cell:
        make_fact(study, lake, "method_preparation", cell)
    for part in shards_of(study, cell):
        make_fact(study, lake, "document_scores", part)
    for fact in ("proponents", "bin_item_scores", MERGED):
        if fact in facts_of(study):
            make_fact(study, lake, fact, cell)


def facts_of(study: Study) -> set[str]:
    return {fact for step in steps(study) for fact in step.facts}


def test_bucket_sums_are_sums_over_documents_of_the_whole_matrix(world):
    study, lake = world
    items = lake.read("benchmark_items")
    for cell in cells(study):
        make_scores(study, lake, cell)
        expected: dict[tuple, float] = {}
        counts: dict[tuple, int] = {}
        for shard, part in enumerate(shards_of(study, cell)):
            rows = lake.read("sampling_manifest").filter(shard=shard)
            method = method_of(study.of_part(cell), lake)
            prepared = None
            if "bm25" in cell:
                from influence_warehouse.attribution.scoring import folder_of
                from influence_warehouse.pipeline.identity import fingerprint_of

                prepared = folder_of(lake, fingerprint_of(study, lake, "method_preparation", cell))
            matrix = matrix_of(
                lambda write, rows=rows, part=part, prepared=prepared, method=method: method.score(
                    Documents(lake, rows.select("doc_id", "bin_id", "content_sha256"), part),
                    items,
                    Artefacts(prepared, None),
                    write,
                ),
                rows.height,
            )
            for doc_id, scores in zip(rows["doc_id"], matrix.astype(np.float64), strict=True):
                bucket = bucket_of(doc_id, study.seed, SECTION["buckets"])
                for item, score in zip(items.iter_rows(named=True), scores, strict=True):
                    key = (item["benchmark"], item["item_id"], bucket)
                    expected[key] = expected.get(key, 0.0) + score
                    counts[key] = counts.get(key, 0) + 1
        found = lake.read(MERGED, cell)
        assert found.height == len(expected)
        for row in found.iter_rows(named=True):
            key = (row["benchmark"], row["item_id"], row["bucket"])
            assert row["score_sum"] == pytest.approx(expected[key], abs=1e-5)
            assert row["n_documents"] == counts[key]
        by_bin = lake.read("bin_item_scores", cell)
        of = ["benchmark", "item_id"]
        totals = [
            frame.group_by(of).agg(pl.col("score_sum", "n_documents").sum()).sort(of)
            for frame in (found, by_bin)
        ]
        assert totals[0]["n_documents"].equals(totals[1]["n_documents"])
        np.testing.assert_allclose(totals[0]["score_sum"], totals[1]["score_sum"], atol=1e-6)


def test_a_benchmark_that_is_added_is_scored_alone(world, tmp_path, tiny_model):
    study, lake = world
    first = study.model_copy(update={"benchmarks": study.benchmarks[:1]})
    cell = "base|random"
    make_scores(first, lake, cell)
    before = lake.read(MERGED, cell)
    make_scores(study, lake, cell)
    part = shards_of(study, cell)[0]
    kept = make_fact(study, lake, "document_scores", part)
    assert all(outcome.reused for outcome in kept)
    after = lake.read(MERGED, cell)
    assert after.filter(benchmark="alpha").equals(before) and after.height == 2 * before.height


def test_facts_of_a_study_without_retraining_stay_as_they_are(world):
    """The section adds a fact and changes fingerprints of scores; without it nothing is left."""
    study, lake = world
    plain = study.model_copy(update={"retraining": None})
    cell = "base|random"
    make_scores(plain, lake, cell)
    part = shards_of(study, cell)[0]
    before = {fact: lake.read(fact, part) for fact in ("document_scores", "shard_proponents")}
    assert (
        not lake.exists(SHARD, part)
        and "buckets" not in lake.require("document_scores", part).parts
    )
    make_scores(study, lake, cell)
    assert lake.require("document_scores", part).parts["buckets"] == [study.seed, 4]
    assert all(lake.read(fact, part).equals(frame) for fact, frame in before.items())
