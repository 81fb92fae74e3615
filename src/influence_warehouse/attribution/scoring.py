"""The attribution stage: what methods are prepared with, and shards of scores, each made once.

A shard's facts carry one fingerprint part per benchmark, so a benchmark that is added later
is scored alone and joins the rows that are already there. Preparation and query index are
folders under `work/`, named by their fingerprint and complete when they exist.
Does not belong here: what a method does (`methods`) and the arithmetic of roll-ups (`rollup`).
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.attribution.methods import Artefacts, Documents, method_of
from influence_warehouse.attribution.rollup import Shard, ShardRollup
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of
from influence_warehouse.lake.object_storage import FactPath, scan
from influence_warehouse.models.small import threads_for
from influence_warehouse.pipeline.identity import fingerprint_of
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.pipeline.parts import cell_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.sampling.buckets import with_buckets
from influence_warehouse.study.study import Study

SHARD_FACTS = ("shard_bin_item_scores", "shard_proponents", "document_scores")
BUCKET_FACT = "shard_bucket_item_scores"


def identity_of_method_preparation(study: Study, lake: Lake, cell: Part) -> dict[str, Any]:
    """The method's own identity, the documents and the items that it is prepared on."""
    method = method_of(study, lake)
    preparation = method.preparation
    manifest, manifest_version = lake.path("sampling_manifest"), lake.version("sampling_manifest")
    return {
        **method.identity,
        **(preparation.settings or {}),
        "documents": _chosen_digest(manifest, manifest_version, preparation.documents_per_bin),
        **_benchmark_parts(lake, preparation.benchmarks),
    }


def make_method_preparation(task: Task) -> list[Made]:
    """Prepare one method on the sample. Rows: the documents it is prepared on."""
    lake = task.lake
    method = method_of(task.study, lake)
    preparation = method.preparation
    chosen = _chosen(lake.scan("sampling_manifest"), preparation.documents_per_bin)
    items = _items(lake, preparation.benchmarks)
    folder = folder_of(lake, task.fingerprints["method_preparation"])
    with threads_for(task.study, lake.home):
        method.prepare(Documents(lake, chosen), items, folder)
    return [Made("method_preparation", len(chosen), {"benchmarks": list(preparation.benchmarks)})]


def identity_of_query_index(study: Study, lake: Lake, cell: Part) -> dict[str, Any]:
    """The method's own identity and the benchmarks' items."""
    return {**method_of(study, lake).identity, **_benchmark_parts(lake, _names(study))}


def make_query_index(task: Task) -> list[Made]:
    """The queries' side of one method's scores, of all benchmarks. Rows: queries."""
    items = _items(task.lake, _names(task.study))
    folder = folder_of(task.lake, task.fingerprints["query_index"])
    with threads_for(task.study, task.lake.home):
        method_of(task.study, task.lake).index(items, folder)
    return [Made("query_index", len(items))]


def is_folder_made(lake: Lake, fingerprint: Fingerprint) -> bool:
    """Whether a method's preparation or query index is there; folders are whole or absent."""
    return folder_of(lake, fingerprint).exists()


def folder_of(lake: Lake, fingerprint: Fingerprint) -> Path:
    """Where a method's preparation or query index of this fingerprint is, or would be."""
    return lake.home.work / fingerprint.fact / fingerprint.digest


def identity_of_document_scores(study: Study, lake: Lake, part: Part) -> dict[str, Any]:
    """The shard's documents, the method with its preparation, and each benchmark's items."""
    prepared = None
    if study.method.is_prepared:
        prepared = fingerprint_of(study, lake, "method_preparation", cell_of(part)).digest
    return {
        **method_of(study, lake).identity,
        "top_k": study.attribution.top_k,
        "preparation": prepared,
        "documents": digest_of(_shard_documents(lake, part).rows()),
        **({"buckets": _buckets(study)} if study.retraining is not None else {}),
        **_benchmark_parts(lake, _names(study)),
    }


def make_document_scores(task: Task) -> list[Made]:
    """Score one shard against every benchmark in one pass: its three facts, and where models are
    retrained, sums by hashed bucket.

    Benchmarks that the shard already holds under the same settings are kept, not recomputed.
    """
    scored_before = _kept_benchmarks(task)
    missing = [name for name in _names(task.study) if name not in scored_before]
    frames = _score_shard(task, missing) if missing else {}
    facts = []
    for fact in task.fingerprints:
        rows = [frames[fact]] if missing else []
        if scored_before:
            old = task.lake.read(fact, task.key).filter(pl.col("benchmark").is_in(scored_before))
            rows = [frame.select(old.columns).cast(old.schema) for frame in rows] + [old]
        facts.append(Made(fact, pl.concat(rows), {"scored": missing, "kept": scored_before}))
    return facts


def _names(study: Study) -> list[str]:
    return [benchmark.name for benchmark in study.benchmarks]


def _buckets(study: Study) -> tuple[int, int]:
    """Seed and number of the hashed buckets."""
    assert study.retraining is not None
    return study.seed, study.retraining.buckets


def _score_shard(task: Task, benchmarks: list[str]) -> dict[str, pl.DataFrame]:
    study, lake, method = task.study, task.lake, method_of(task.study, task.lake)
    documents, items = _shard_documents(lake, task.key), _items(lake, benchmarks)
    shard = Shard(
        study.model.name,
        study.method.name,
        documents.select("doc_id", "bin_id"),
        items.select("benchmark", "item_id"),
        None if study.retraining is None else with_buckets(documents, *_buckets(study))["bucket"],
    )
    scored = ShardRollup(shard, study.attribution.top_k)
    artefacts = _artefacts(task, benchmarks)
    with threads_for(study, lake.home):
        method.score(Documents(lake, documents, task.key), items, artefacts, scored.add)
    return scored.facts()


def _artefacts(task: Task, benchmarks: list[str]) -> Artefacts:
    """The method's folders; the index is of these benchmarks alone."""
    study, lake, cell = task.study, task.lake, cell_of(task.key)
    prepared = index = None
    if study.method.is_prepared:
        expected = fingerprint_of(study, lake, "method_preparation", cell)
        prepared = folder_of(lake, expected)
    if study.method.is_indexed:
        index = index_folder(study, lake, cell, benchmarks)
    return Artefacts(prepared, index)


def index_folder(study: Study, lake: Lake, cell: Part, benchmarks: Sequence[str]) -> Path:
    """The folder of the query index of some benchmarks, which is made where there is none."""
    asked = tuple(benchmark for benchmark in study.benchmarks if benchmark.name in benchmarks)
    narrowed = study.model_copy(update={"benchmarks": asked})
    make_fact(narrowed, lake, "query_index", cell)
    return folder_of(lake, fingerprint_of(narrowed, lake, "query_index", cell))


def _kept_benchmarks(task: Task) -> list[str]:
    """Benchmarks whose rows in all facts were made from exactly the wanted parts."""
    lake, part = task.lake, task.key
    if not all(lake.is_readable(fact, part) for fact in task.fingerprints):
        return []
    kept: set[str] | None = None
    for fact, fingerprint in task.fingerprints.items():
        existing_parts = lake.require(fact, part).parts
        changed = {
            name
            for name in {*existing_parts, *fingerprint.parts}
            if existing_parts.get(name) != fingerprint.parts.get(name)
        }
        if any(not name.startswith("benchmark.") for name in changed):
            return []
        benchmarks = [name for name in existing_parts if name.startswith("benchmark.")]
        same = {name.removeprefix("benchmark.") for name in benchmarks if name not in changed}
        kept = same if kept is None else kept & same
    return sorted(kept or ())


def _benchmark_parts(lake: Lake, names: Sequence[str]) -> dict[str, str]:
    path, version = lake.path("benchmark_items"), lake.version("benchmark_items")
    return {f"benchmark.{name}": _items_digest(path, version, name) for name in names}


# Every shard's fingerprint asks for these; of millions of documents they take seconds.
@lru_cache(maxsize=256)
def _items_digest(items: FactPath, version: tuple[object, ...], benchmark: str) -> str:
    columns = ["item_id", "prompt", "choices", "answer_index"]
    chosen_items = scan(items).filter(pl.col("benchmark") == benchmark)
    return digest_of(chosen_items.select(columns).collect().rows())


@lru_cache(maxsize=8)
def _chosen_digest(manifest: FactPath, version: tuple[object, ...], limit: int | None) -> str:
    return digest_of(_chosen(scan(manifest), limit).rows())


def _items(lake: Lake, benchmarks: Sequence[str]) -> pl.DataFrame:
    return lake.read("benchmark_items").filter(pl.col("benchmark").is_in(list(benchmarks)))


def _chosen(manifest: pl.LazyFrame, documents_per_bin: int | None) -> pl.DataFrame:
    if documents_per_bin is not None:
        manifest = manifest.filter(pl.col("sample_rank") < documents_per_bin)
    return manifest.select("doc_id", "content_sha256").collect()


def _shard_documents(lake: Lake, part: Part) -> pl.DataFrame:
    shard = int(part.rpartition("|")[2])
    manifest = lake.scan("sampling_manifest").filter(pl.col("shard") == shard)
    return manifest.select("doc_id", "bin_id", "content_sha256").collect()
