"""How much there is to do: documents, tokens and items of a study, counted or sampled.

Belongs here: reading inputs far enough to count them, in bounded time. Does not belong here:
timing (`probe`), and products of counts and rates (`plan`).
"""

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from influence_warehouse.attribution.encoding import encode_documents
from influence_warehouse.benchmarks.tables import make_benchmark_items
from influence_warehouse.corpus.labels import slug_of
from influence_warehouse.corpus.readers import (
    PARQUET_SUFFIXES,
    Batch,
    corpus_files,
    corpus_path,
    read_corpus,
)
from influence_warehouse.facts import Lake
from influence_warehouse.layout import Home
from influence_warehouse.models import Encoded
from influence_warehouse.study import Study
from influence_warehouse.taxonomy import bins

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

READING_SECONDS = 10.0  # of wall time, then the rest is extrapolated
SAMPLED_DOCUMENTS = 256


@dataclass(frozen=True)
class Workload:
    """Counts of one study.

    `documents` are those of the corpus, `sampled` those left by the study's caps; `is_bound`
    says that both are upper bounds, `share_read` what share of the corpus was read to count.
    `texts` are some documents drawn evenly from what was read; `items` rows of benchmark_items.
    """

    documents: int
    sampled: int
    fitted: int
    bins: int
    text_bytes: int
    share_read: float
    is_bound: bool
    read_seconds: float
    texts: tuple[str, ...]
    items: pl.DataFrame | None
    n_items: int


def workload(study: Study, inputs: Home, scratch: Home) -> Workload:
    """Count the corpus in `inputs`, and make its items in `scratch`.

    A corpus or benchmark of the hub is not downloaded: bounds stand for its counts. Raises
    InputError for inputs that are broken as far as they are read.
    """
    is_local = not any(benchmark.hub for benchmark in study.benchmarks)
    items = None
    if is_local:
        lake = Lake(scratch)
        make_benchmark_items(study, lake)
        items = lake.read("benchmark_items")
    n_items = len(items) if items is not None else sum(b.max_items or 0 for b in study.benchmarks)
    if corpus_path(study, inputs) is None:
        return _bound(study, n_items, items)
    return _counted(study, inputs, n_items, items)


def _bound(study: Study, n_items: int, items: pl.DataFrame | None) -> Workload:
    caps = dict.fromkeys(range(len(bins())), study.sampling.documents_per_bin)
    sampled = sum(caps.values())
    size = sampled * study.model.max_tokens * 4  # 4 bytes a token of English
    counts = (sampled, sampled, _fitted(study, caps.values()), len(caps), size)
    return Workload(*counts, 0.0, True, 0.0, (), items, n_items)


def _counted(study: Study, inputs: Home, n_items: int, items: pl.DataFrame | None) -> Workload:
    rows = 0
    sizes: Counter[tuple[str | None, str | None]] = Counter()
    seen: set[int] = set()
    n_bytes = 0
    kept: list[str] = []
    rng = random.Random(study.seed)
    start, clock = time.monotonic(), time.process_time()
    complete = True
    for batch in read_corpus(study, inputs):
        if time.monotonic() - start > READING_SECONDS:
            complete = False
            break
        for position, text in enumerate(batch.fields["text"]):
            rows += 1
            key = hash(text)
            if not isinstance(text, str) or not text.strip() or key in seen:
                continue
            seen.add(key)
            n_bytes += len(text.encode(errors="surrogatepass"))
            sizes[_bin(batch, position)] += 1
            _keep(kept, text, len(seen), rng)
    total = rows if complete else _rows(study, inputs, rows)
    scale = total / max(rows, 1)
    labelled = study.corpus.labels == "columns"
    filled = _grown(sizes, scale) if labelled else [study.sampling.documents_per_bin] * len(bins())
    capped = [min(size, study.sampling.documents_per_bin) for size in filled]
    counts = (
        round(len(seen) * scale),
        min(sum(capped), round(len(seen) * scale)),
        _fitted(study, capped),
        len(capped),
        round(n_bytes * scale),
    )
    seconds = (time.process_time() - clock) * scale
    return Workload(*counts, 1 / scale, not labelled, seconds, tuple(kept), items, n_items)


def _bin(batch: Batch, position: int) -> tuple[str | None, str | None]:
    if "topic" not in batch.fields:
        return None, None
    topic, form = batch.fields["topic"][position], batch.fields["format"][position]
    return slug_of("topic", topic or ""), slug_of("format", form or "")


def _grown(sizes: Counter, scale: float) -> list[int]:
    """Documents of each bin in the whole corpus, if the rest is like what was read."""
    known = {cell: size for cell, size in sizes.items() if None not in cell}
    return [round(size * scale) for size in known.values()]


def _keep(kept: list[str], text: str, seen: int, rng: random.Random) -> None:
    """Reservoir sampling: each text read stays with equal chance."""
    if len(kept) < SAMPLED_DOCUMENTS:
        kept.append(text)
    elif (place := rng.randrange(seen)) < SAMPLED_DOCUMENTS:
        kept[place] = text


def _fitted(study: Study, capped) -> int:
    limit = study.attribution.preconditioner.fit_documents_per_bin
    return sum(size if limit is None else min(size, limit) for size in capped)


def _rows(study: Study, inputs: Home, read: int) -> int:
    """Rows of the whole corpus: from footers of Parquet, else from the share of bytes read."""
    import pyarrow.parquet as pq

    path = corpus_path(study, inputs)
    assert path is not None
    files = list(corpus_files(path))
    if all(file.name.endswith(PARQUET_SUFFIXES) for file in files):
        return sum(pq.read_metadata(file).num_rows for file in files)
    # Of compressed lines the share that was read is not known; their count per byte is.
    sample = next(iter(read_corpus(study, inputs)))
    size = sum(len(str(value)) for values in sample.fields.values() for value in values)
    stored = sum(file.stat().st_size * (4 if file.suffix in (".gz", ".zst") else 1) for file in files)
    return max(read, round(stored / max(size / len(sample.rows), 1)))


def encoded_sample(
    study: Study, load: Workload, tokenizer: "PreTrainedTokenizerBase"
) -> list[Encoded]:
    """The sampled texts as attribution reads them, without those too short for a gradient."""
    rows = encode_documents(load.texts, tokenizer, study.model.max_tokens)
    return [row for row in rows if len(row["input_ids"]) >= study.sampling.min_tokens]
