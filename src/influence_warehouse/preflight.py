"""`influence check`: reads what a study names, without running anything, and sizes the work.

Belongs here: opening inputs far enough to find them broken, and arithmetic on sizes. Does
not belong here: validation of the study file (`study`) and of each document (corpus).
"""

from collections.abc import Iterator

from influence_warehouse.benchmarks.items import items_path, read_items
from influence_warehouse.corpus.readers import corpus_files, corpus_path, read_corpus
from influence_warehouse.layout import Home
from influence_warehouse.models import model_source
from influence_warehouse.study import Study
from influence_warehouse.taxonomy import bins
from influence_warehouse.unlearning.config import Unlearning
from influence_warehouse.unlearning.plan import target_benchmarks

_GRADIENT_PASSES = 2  # one to fit the preconditioner, one to score
_SCORE_BYTES = 4


def preflight(study: Study, home: Home) -> Iterator[tuple[str, str]]:
    """Name and value of each finding. Raises the library's errors for inputs that are broken."""
    home.create()
    yield "study", study.name
    yield "home", str(home.path)
    if study.planted is None:
        yield "model", _model(study, home)
        yield "corpus", _corpus(study, home)
        items = _items(study, home)
    else:
        yield "planted", f"{study.planted.documents:,} documents and a model are made by the run"
        items = study.planted.items_per_benchmark * len(study.benchmarks)
    unknown = sum(b.hub is not None and b.max_items is None for b in study.benchmarks)
    more = f", and all items of {unknown} hub datasets" if unknown else ""
    yield "benchmarks", f"{len(study.benchmarks)} with {items:,} items{more}"
    yield from _sizes(study, items)
    if study.unlearning is not None:
        yield "unlearning runs", _runs(study, study.unlearning)


def _model(study: Study, home: Home) -> str:
    source = model_source(study, home)
    return f"{source.location} ({source.digest}, {study.model.dtype}, {study.model.attention})"


def _corpus(study: Study, home: Home) -> str:
    path = corpus_path(study, home)
    if path is None:
        return f"{study.corpus.hub} (hub; read when the study runs)"
    files = corpus_files(path)
    size = sum(file.stat().st_size for file in files)
    next(iter(read_corpus(study, home)), None)  # the first batch shows columns and types
    return f"{path} ({len(files)} file(s), {size / 2**20:,.1f} MiB)"


def _items(study: Study, home: Home) -> int:
    """Items in files are read and validated; of a hub's, only the study's limit is known."""
    return sum(
        benchmark.max_items or 0
        if items_path(study, benchmark, home) is None
        else len(read_items(study, benchmark, home).items)
        for benchmark in study.benchmarks
    )


def _sizes(study: Study, items: int) -> Iterator[tuple[str, str]]:
    documents = len(bins()) * study.sampling.documents_per_bin
    tokens = documents * study.model.max_tokens
    per_shard = documents / study.sampling.shards * items * _SCORE_BYTES
    yield "sampled documents", f"at most {documents:,} in {study.sampling.shards} shards"
    yield "tokens in a gradient pass", f"at most {tokens:,}"
    yield "gradient passes", f"{_GRADIENT_PASSES} over documents, 2 over {items:,} queries"
    yield "memory for a shard's scores", f"at most {per_shard / 2**20:,.0f} MiB"
    yield (
        "resampling fact",
        (f"{study.statistics.resamples * len(bins()) * len(study.benchmarks):,} rows"),
    )


def _runs(study: Study, settings: Unlearning) -> str:
    """How many runs the choice can lead to."""
    rule = settings.regions
    if rule.rule == "sql":
        return "as many as the SQL's regions ask for"
    targets = len(target_benchmarks(study))
    regions = len(rule.explicit) or targets * rule.per_benchmark
    in_topic = sum(condition.endswith("_in_topic") for condition in settings.conditions)
    anywhere = len(settings.conditions) - in_topic
    runs = (regions * in_topic + targets * anywhere) * len(settings.seeds)
    return f"{runs} at most, of {settings.stops.steps} steps at most"
