"""The attribution stage: what methods are prepared with, and shards of scores, each made once.

A shard's facts carry one fingerprint part per benchmark, so a benchmark that is added later
is scored alone and joins the rows that are already there. Preparation and query index are
folders under `work/`, named by their fingerprint and complete when they exist.
Does not belong here: what a method does (`methods`) and the arithmetic of roll-ups (`rollup`).
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import polars as pl

from influence_warehouse.attribution import rollup
from influence_warehouse.attribution.methods import Artefacts, Documents, method_of
from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake, Outcome, Part
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of
from influence_warehouse.lake.object_storage import FactPath, scan
from influence_warehouse.pipeline.parts import cell_of, prepared_cells
from influence_warehouse.study.study import Study

SHARD_FACTS = ("shard_bin_item_scores", "shard_proponents", "document_scores")


def fingerprint_of_method_preparation(study: Study, lake: Lake, cell: Part) -> Fingerprint:
    """From the method's identity, the documents and the items that it is prepared on."""
    study = study.of_part(cell)
    method = method_of(study, lake)
    preparation = method.preparation
    manifest, manifest_version = lake.path("sampling_manifest"), lake.version("sampling_manifest")
    return Fingerprint.of(
        "method_preparation",
        **method.identity,
        **(preparation.settings or {}),
        documents=_chosen_digest(manifest, manifest_version, preparation.documents_per_bin),
        **_benchmark_parts(lake, preparation.benchmarks),
    )


def make_method_preparation(study: Study, lake: Lake, cell: Part) -> Outcome:
    """Prepare one method on the sample. Rows: the documents it is prepared on."""
    fingerprint = fingerprint_of_method_preparation(study, lake, cell)
    method = method_of(study.of_part(cell), lake)
    preparation = method.preparation
    chosen = _chosen(lake.scan("sampling_manifest"), preparation.documents_per_bin)
    folder = _folder(lake, fingerprint)
    reused = folder.exists()
    if not reused:
        items = _items(lake, preparation.benchmarks)
        method.prepare(Documents(lake, chosen), items, folder)
    details = {"benchmarks": list(preparation.benchmarks), "digest": fingerprint.digest}
    return Outcome("method_preparation", len(chosen), reused, details)


def require_prepared_methods(study: Study, lake: Lake) -> None:
    """Raise FactError when a method of the study has not been prepared as it stands now."""
    for cell in prepared_cells(study):
        folder = _folder(lake, fingerprint_of_method_preparation(study, lake, cell))
        if not folder.exists():
            raise FactError(
                f"{folder}: the preparation of {cell} is missing. "
                "Remedy: `influence run STUDY --stage prepare` makes it; then start the workers."
            )


def fingerprint_of_query_index(
    study: Study, lake: Lake, cell: Part, benchmarks: Sequence[str] | None = None
) -> Fingerprint:
    """From the method's identity and the benchmarks' items."""
    identity = method_of(study.of_part(cell), lake).identity
    names = benchmarks or [benchmark.name for benchmark in study.benchmarks]
    return Fingerprint.of("query_index", **identity, **_benchmark_parts(lake, names))


def make_query_index(
    study: Study, lake: Lake, cell: Part, benchmarks: Sequence[str] | None = None
) -> Outcome:
    """The queries' side of one method's scores, of all benchmarks or of those named."""
    fingerprint = fingerprint_of_query_index(study, lake, cell, benchmarks)
    folder = _folder(lake, fingerprint)
    items = _items(lake, benchmarks or [benchmark.name for benchmark in study.benchmarks])
    reused = folder.exists()
    if not reused:
        method_of(study.of_part(cell), lake).index(items, folder)
    return Outcome("query_index", len(items), reused, {"digest": fingerprint.digest})


def fingerprint_of_document_scores(study: Study, lake: Lake, part: Part) -> Fingerprint:
    """From the shard's documents, the method with its preparation, and each benchmark's items."""
    narrowed = study.of_part(part)
    cell = cell_of(part)
    method = method_of(narrowed, lake)
    prepared = (
        fingerprint_of_method_preparation(study, lake, cell).digest
        if narrowed.method.is_prepared
        else None
    )
    return Fingerprint.of(
        "document_scores",
        **method.identity,
        model=narrowed.model.name,
        method=narrowed.method.name,
        top_k=study.attribution.top_k,
        preparation=prepared,
        documents=digest_of(_shard_documents(lake, part).rows()),
        **_benchmark_parts(lake, [benchmark.name for benchmark in study.benchmarks]),
    )


def make_document_scores(study: Study, lake: Lake, part: Part) -> list[Outcome]:
    """Score one shard against every benchmark in one pass and write its three facts.

    Benchmarks that the shard already holds under the same settings are kept, not recomputed.
    `document_scores` is written last: while it is missing or stale, the shard is not done.
    """
    wanted = fingerprint_of_document_scores(study, lake, part)
    fingerprints = {fact: Fingerprint(fact, wanted.parts) for fact in SHARD_FACTS}
    if all(lake.is_current(fingerprint, part) for fingerprint in fingerprints.values()):
        return [lake.reused(fingerprint, part) for fingerprint in fingerprints.values()]
    kept = _kept_benchmarks(lake, part, fingerprints)
    missing = [b.name for b in study.benchmarks if b.name not in kept]
    frames = _score_shard(study, lake, part, missing) if missing else {}
    outcomes = []
    for fact, fingerprint in fingerprints.items():
        made = [frames[fact]] if missing else []
        if kept:
            old = lake.read(fact, part).filter(pl.col("benchmark").is_in(kept))
            made = [frame.select(old.columns).cast(old.schema) for frame in made] + [old]
        frame = pl.concat(made)
        lake.write(fact, frame, fingerprint, part)
        outcomes.append(Outcome(fact, len(frame), False, {"scored": missing, "kept": kept}))
    return outcomes


def _score_shard(
    study: Study, lake: Lake, part: Part, benchmarks: list[str]
) -> dict[str, pl.DataFrame]:
    cell, narrowed = cell_of(part), study.of_part(part)
    prepared = index = None
    if narrowed.method.is_prepared:
        prepared = _folder(lake, fingerprint_of_method_preparation(study, lake, cell))
    if narrowed.method.is_indexed:
        make_query_index(study, lake, cell, benchmarks)
        index = _folder(lake, fingerprint_of_query_index(study, lake, cell, benchmarks))
    documents, items = _shard_documents(lake, part), _items(lake, benchmarks)
    scored = rollup.ScoredShard(
        narrowed.model.name,
        narrowed.method.name,
        method_of(narrowed, lake).score(
            Documents(lake, documents, part), items, Artefacts(prepared, index)
        ),
        documents.select("doc_id", "bin_id"),
        items.select("benchmark", "item_id"),
    )
    return {
        "shard_bin_item_scores": rollup.bin_item_scores(scored),
        "shard_proponents": rollup.extreme_documents(scored, study.attribution.top_k),
        "document_scores": rollup.document_scores(scored),
    }


def _kept_benchmarks(lake: Lake, part: Part, wanted: dict[str, Fingerprint]) -> list[str]:
    """Benchmarks whose rows in all three facts were made from exactly the wanted parts."""
    if not all(lake.is_readable(fact, part) for fact in SHARD_FACTS):
        return []
    kept: set[str] | None = None
    for fact, fingerprint in wanted.items():
        found = lake.require(fact, part).parts
        changed = {
            name
            for name in {*found, *fingerprint.parts}
            if found.get(name) != fingerprint.parts.get(name)
        }
        if any(not name.startswith("benchmark.") for name in changed):
            return []
        same = {n.removeprefix("benchmark.") for n in found if n.startswith("benchmark.")} - {
            n.removeprefix("benchmark.") for n in changed
        }
        kept = same if kept is None else kept & same
    return sorted(kept or ())


def _benchmark_parts(lake: Lake, names: Sequence[str]) -> dict[str, str]:
    path, version = lake.path("benchmark_items"), lake.version("benchmark_items")
    return {f"benchmark.{name}": _items_digest(path, version, name) for name in names}


# Every shard's fingerprint asks for these; of millions of documents they take seconds.
@lru_cache(maxsize=256)
def _items_digest(items: FactPath, version: tuple[object, ...], benchmark: str) -> str:
    columns = ["item_id", "prompt", "choices", "answer_index"]
    found = scan(items).filter(pl.col("benchmark") == benchmark)
    return digest_of(found.select(columns).collect().rows())


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


def _folder(lake: Lake, fingerprint: Fingerprint) -> Path:
    return lake.home.work / fingerprint.fact / fingerprint.digest
