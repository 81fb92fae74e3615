"""The attribution stage: preconditioner, query index and shards of scores, each made once.

A shard's facts carry one fingerprint part per benchmark, so a benchmark that is added later
is scored alone and joins the rows that are already there. Preconditioner and query index
are folders under `work/`, named by their fingerprint and complete when they exist.
"""

import shutil
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import polars as pl

from influence_warehouse.attribution import rollup
from influence_warehouse.attribution.nodes import rendezvous_of
from influence_warehouse.attribution.trackstar import TrackStar
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.errors import FactError, StudyError
from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of
from influence_warehouse.lake.object_storage import FactPath, scan
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import Encoded, context_length, load_tokenizer, model_source
from influence_warehouse.study.study import Study

SHARD_FACTS = ("shard_bin_item_scores", "shard_proponents", "document_scores")


def method_of(study: Study, lake: Lake) -> TrackStar:
    """The study's attribution method, ready to run.

    Raises StudyError when a batch may hold more tokens than the model reads, which Bergson
    would refuse after loading everything, when there are fewer GPUs than processes, which would
    wait for each other for ever, and when several nodes have no place to meet.
    """
    _require_gpus(study.compute.processes)
    longest = context_length(study, lake.home)
    if study.attribution.token_batch_size > longest:
        raise StudyError(
            f"attribution.token_batch_size: {study.attribution.token_batch_size} is more than the "
            f"model's {longest} positions. Remedy: set it to {longest} or less."
        )
    log = lake.home.runs / "bergson.log"
    source = model_source(study, lake.home)
    meeting = rendezvous_of(study, lake.home)
    seed = study.seed
    return TrackStar(study.model, source, study.attribution, study.compute, log, seed, meeting)


def _require_gpus(processes: int) -> None:
    import torch

    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise StudyError(
            f"compute.processes: {processes} processes, but this machine has {gpus} GPU(s), and "
            f"each process needs one. Remedy: set it to {gpus} or less, or hide the GPUs "
            "(CUDA_VISIBLE_DEVICES='') to work on the processor."
        )


def fingerprint_of_preconditioner(study: Study, lake: Lake) -> Fingerprint:
    """From the fitted documents, the mixed benchmarks' items, the model and the projection."""
    settings = study.attribution
    limit = settings.preconditioner.fit_documents_per_bin
    return Fingerprint.of(
        "preconditioner",
        **_gradient_parts(study, lake),
        documents=_fitted_digest(
            lake.path("sampling_manifest"), lake.version("sampling_manifest"), limit
        ),
        downweight_components=settings.preconditioner.downweight_components,
        **_benchmark_parts(study, lake, _mixed_benchmarks(study)),
    )


def make_preconditioner(study: Study, lake: Lake) -> Outcome:
    """Fit the study's one preconditioner. Rows: the documents it is fitted on."""
    fingerprint = fingerprint_of_preconditioner(study, lake)
    folder = _folder(lake, fingerprint)
    limit = study.attribution.preconditioner.fit_documents_per_bin
    fitted = _fitted_documents(lake.scan("sampling_manifest"), limit)
    reused = folder.exists()
    if not reused:
        documents = _encoded(study, lake, fitted["doc_id"])
        mixed = _items(lake, _mixed_benchmarks(study))
        tokenizer = load_tokenizer(study, lake.home)
        queries = encode_queries(mixed, tokenizer, study.model.max_tokens)
        method_of(study, lake).fit_preconditioner(documents, queries, folder)
    details = {"mixed_benchmarks": list(_mixed_benchmarks(study)), "digest": fingerprint.digest}
    return Outcome("preconditioner", len(fitted), reused, details)


def require_preconditioner(study: Study, lake: Lake) -> None:
    """Raise FactError when the study's preconditioner has not been fitted as it stands now."""
    folder = _folder(lake, fingerprint_of_preconditioner(study, lake))
    if not folder.exists():
        raise FactError(
            f"{folder}: the preconditioner is missing. "
            "Remedy: `influence run STUDY --stage prepare` fits it; then start the workers."
        )


def fingerprint_of_query_index(
    study: Study, lake: Lake, benchmarks: Sequence[str] | None = None
) -> Fingerprint:
    """From the benchmarks' items, the model and the projection."""
    names = benchmarks or [benchmark.name for benchmark in study.benchmarks]
    parts = _gradient_parts(study, lake) | _benchmark_parts(study, lake, names)
    return Fingerprint.of("query_index", **parts)


def make_query_index(study: Study, lake: Lake, benchmarks: Sequence[str] | None = None) -> Outcome:
    """Projected gradients of the queries of all benchmarks, or of those named."""
    fingerprint = fingerprint_of_query_index(study, lake, benchmarks)
    folder = _folder(lake, fingerprint)
    items = _items(lake, benchmarks or [benchmark.name for benchmark in study.benchmarks])
    reused = folder.exists()
    if not reused:
        queries = encode_queries(items, load_tokenizer(study, lake.home), study.model.max_tokens)
        method_of(study, lake).index_queries(queries, folder)
    return Outcome("query_index", len(items), reused, {"digest": fingerprint.digest})


def fingerprint_of_document_scores(study: Study, lake: Lake, shard: int) -> Fingerprint:
    """From the shard's documents, the preconditioner, the settings and each benchmark's items."""
    return Fingerprint.of(
        "document_scores",
        **_gradient_parts(study, lake),
        method=study.attribution.method,
        top_k=study.attribution.top_k,
        preconditioner=fingerprint_of_preconditioner(study, lake).digest,
        documents=digest_of(_shard_documents(lake, shard).rows()),
        **_benchmark_parts(study, lake, [benchmark.name for benchmark in study.benchmarks]),
    )


def make_document_scores(study: Study, lake: Lake, shard: int) -> list[Outcome]:
    """Score one shard against every benchmark in one gradient pass and write its three facts.

    Benchmarks that the shard already holds under the same settings are kept, not recomputed.
    `document_scores` is written last: while it is missing or stale, the shard is not done.
    """
    wanted = fingerprint_of_document_scores(study, lake, shard)
    fingerprints = {fact: Fingerprint(fact, wanted.parts) for fact in SHARD_FACTS}
    if all(lake.is_current(fingerprint, shard) for fingerprint in fingerprints.values()):
        return [lake.reused(fingerprint, shard) for fingerprint in fingerprints.values()]
    kept = _kept_benchmarks(lake, shard, fingerprints)
    missing = [b.name for b in study.benchmarks if b.name not in kept]
    frames = _score_shard(study, lake, shard, missing) if missing else {}
    outcomes = []
    for fact, fingerprint in fingerprints.items():
        parts = [frames[fact]] if missing else []
        if kept:
            old = lake.read(fact, shard).filter(pl.col("benchmark").is_in(kept))
            parts = [part.select(old.columns).cast(old.schema) for part in parts] + [old]
        frame = pl.concat(parts)
        lake.write(fact, frame, fingerprint, shard)
        outcomes.append(Outcome(fact, len(frame), False, {"scored": missing, "kept": kept}))
    return outcomes


def _score_shard(
    study: Study, lake: Lake, shard: int, benchmarks: list[str]
) -> dict[str, pl.DataFrame]:
    make_query_index(study, lake, benchmarks)
    documents = _shard_documents(lake, shard)
    items = _items(lake, benchmarks)
    method = method_of(study, lake)
    corrected_and_compared = (
        _folder(lake, fingerprint_of_preconditioner(study, lake)),
        _folder(lake, fingerprint_of_query_index(study, lake, benchmarks)),
    )
    if study.attribution.store_gradients:
        gradients = _stored_gradients(study, lake, shard)
        scores = method.score_stored(gradients, *corrected_and_compared)
    else:
        encoded = _encoded(study, lake, documents["doc_id"])
        scores = method.score(encoded, *corrected_and_compared)
    scored = rollup.ScoredShard(
        study.attribution.method,
        scores,
        documents.select("doc_id", "bin_id"),
        items.select("benchmark", "item_id"),
    )
    return {
        "shard_bin_item_scores": rollup.bin_item_scores(scored),
        "shard_proponents": rollup.extreme_documents(scored, study.attribution.top_k),
        "document_scores": rollup.document_scores(scored),
    }


def _stored_gradients(study: Study, lake: Lake, shard: int) -> Path:
    """Folder with the shard's projected gradients, made by a gradient pass where there is none.

    It does not depend on benchmarks or preconditioner; what the shard stored before is removed.
    """
    documents = _shard_documents(lake, shard)
    made = Fingerprint.of(
        "document_gradients",
        **_gradient_parts(study, lake),
        documents=digest_of(documents.select("doc_id", "content_sha256").rows()),
    )
    folder = lake.home.work / made.fact / f"{shard:05d}-{made.digest}"
    if not folder.exists():
        for stale in folder.parent.glob(f"{shard:05d}-*"):
            shutil.rmtree(stale)
        encoded = _encoded(study, lake, documents["doc_id"])
        method_of(study, lake).store_gradients(encoded, folder)
    return folder


def _kept_benchmarks(lake: Lake, shard: int, wanted: dict[str, Fingerprint]) -> list[str]:
    """Benchmarks whose rows in all three facts were made from exactly the wanted parts."""
    if not all(lake.is_readable(fact, shard) for fact in SHARD_FACTS):
        return []
    kept: set[str] | None = None
    for fact, fingerprint in wanted.items():
        found = lake.require(fact, shard).parts
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


def _gradient_parts(study: Study, lake: Lake) -> dict[str, object]:
    return {
        "model": model_source(study, lake.home).digest,
        "dtype": study.model.dtype,
        "attention": study.model.attention,
        "max_tokens": study.model.max_tokens,
        "projection_dim": study.attribution.projection_dim,
        "projection_seed": study.seed,
        "bergson": version("bergson"),
        # Absent where it is off, so that what was made before the setting existed stays current.
        **({"tf32": True} if study.attribution.tf32 else {}),
    }


def _benchmark_parts(study: Study, lake: Lake, names: Sequence[str]) -> dict[str, str]:
    path, version = lake.path("benchmark_items"), lake.version("benchmark_items")
    return {f"benchmark.{name}": _items_digest(path, version, name) for name in names}


# Every shard's fingerprint asks for these; of millions of documents they take seconds.
@lru_cache(maxsize=256)
def _items_digest(items: FactPath, version: tuple[object, ...], benchmark: str) -> str:
    columns = ["item_id", "prompt", "choices", "answer_index"]
    found = scan(items).filter(pl.col("benchmark") == benchmark)
    return digest_of(found.select(columns).collect().rows())


@lru_cache(maxsize=8)
def _fitted_digest(manifest: FactPath, version: tuple[object, ...], limit: int | None) -> str:
    return digest_of(_fitted_documents(scan(manifest), limit).rows())


def _mixed_benchmarks(study: Study) -> tuple[str, ...]:
    named = study.attribution.preconditioner.mix_benchmarks
    return tuple(b.name for b in study.benchmarks) if named is None else named


def _items(lake: Lake, benchmarks: Sequence[str]) -> pl.DataFrame:
    return lake.read("benchmark_items").filter(pl.col("benchmark").is_in(list(benchmarks)))


def _fitted_documents(manifest: pl.LazyFrame, limit: int | None) -> pl.DataFrame:
    if limit is not None:
        manifest = manifest.filter(pl.col("sample_rank") < limit)
    return manifest.select("doc_id", "content_sha256").collect()


def _shard_documents(lake: Lake, shard: int) -> pl.DataFrame:
    manifest = lake.scan("sampling_manifest").filter(pl.col("shard") == shard)
    return manifest.select("doc_id", "bin_id", "content_sha256").collect()


def _encoded(study: Study, lake: Lake, doc_ids: pl.Series) -> list[Encoded]:
    texts = read_documents(lake, doc_ids, "doc_id", "text")
    rows = doc_ids.to_frame("doc_id").join(texts, on="doc_id", how="left", maintain_order="left")
    return encode_documents(rows["text"], load_tokenizer(study, lake.home), study.model.max_tokens)


def _folder(lake: Lake, fingerprint: Fingerprint) -> Path:
    return lake.home.work / fingerprint.fact / fingerprint.digest
