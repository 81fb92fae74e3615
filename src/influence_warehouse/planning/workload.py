"""How much there is to do: documents, tokens and items of a study, counted or sampled.

Belongs here: reading inputs far enough to count them, in bounded time. Does not belong here:
timing (`probe`), and products of counts and rates (`plan`).
"""

import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from influence_warehouse.attribution.encoding import encode_documents
from influence_warehouse.benchmarks.tables import make_benchmark_items
from influence_warehouse.corpus.files import corpus_files, is_parquet
from influence_warehouse.corpus.labels import slug_of
from influence_warehouse.corpus.readers import Batch, corpus_path, read_corpus
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


@dataclass
class _Count:
    """What was read so far: rows, distinct texts by topic and format, and some of the texts."""

    rng: random.Random
    rows: int = 0
    n_bytes: int = 0
    sizes: Counter = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def add(self, batch: Batch) -> None:
        for position, text in enumerate(batch.fields["text"]):
            self.rows += 1
            if not isinstance(text, str) or not text.strip() or hash(text) in self.seen:
                continue
            try:
                self.n_bytes += len(text.encode())
            except UnicodeEncodeError:  # set aside, too
                continue
            self.seen.add(hash(text))
            self.sizes[_labels(batch, position)] += 1
            # Reservoir sampling: each text read stays with equal chance.
            if len(self.kept) < SAMPLED_DOCUMENTS:
                self.kept.append(text)
            elif (place := self.rng.randrange(len(self.seen))) < SAMPLED_DOCUMENTS:
                self.kept[place] = text


def _counted(study: Study, inputs: Home, n_items: int, items: pl.DataFrame | None) -> Workload:
    start, clock = time.monotonic(), time.process_time()
    count = _Count(random.Random(study.seed))
    total = None
    for batch in read_corpus(study, inputs):
        count.add(batch)
        if time.monotonic() - start > READING_SECONDS:
            total = _rows(study, inputs, count.rows)
            break
    scale = (total or count.rows) / max(count.rows, 1)
    cap, known = study.sampling.documents_per_bin, study.corpus.labels == "columns"
    # Of a corpus that is like what was read; without labels any bin may be full.
    sizes = [round(n * scale) for cell, n in count.sizes.items() if None not in cell]
    capped = [min(size, cap) for size in sizes] if known else [cap] * len(bins())
    documents = round(len(count.seen) * scale)
    counts = (documents, min(sum(capped), documents), min(_fitted(study, capped), documents))
    return Workload(
        *counts,
        bins=len(capped),
        text_bytes=round(count.n_bytes * scale),
        share_read=1 / scale,
        is_bound=not known,
        read_seconds=(time.process_time() - clock) * scale,
        texts=tuple(count.kept),
        items=items,
        n_items=n_items,
    )


def _labels(batch: Batch, position: int) -> tuple[str | None, str | None]:
    if "topic" not in batch.fields:
        return None, None
    topic, form = batch.fields["topic"][position], batch.fields["format"][position]
    return slug_of("topic", topic or ""), slug_of("format", form or "")


def _fitted(study: Study, capped: Iterable[int]) -> int:
    limit = study.attribution.preconditioner.fit_documents_per_bin
    return sum(size if limit is None else min(size, limit) for size in capped)


def _rows(study: Study, inputs: Home, read: int) -> int:
    """Rows of the whole corpus: from footers of Parquet, else from the share of bytes read."""
    import pyarrow.parquet as pq

    path = corpus_path(study, inputs)
    assert path is not None
    files = list(corpus_files(path).read)
    if all(is_parquet(file.name) for file in files):
        return sum(pq.read_metadata(file).num_rows for file in files)
    # Of compressed lines the share that was read is not known; their count per byte is.
    sample = next(iter(read_corpus(study, inputs)))
    size = sum(len(str(value)) for values in sample.fields.values() for value in values)
    stored = sum(
        file.stat().st_size * (4 if file.suffix.lower() in (".gz", ".zst") else 1) for file in files
    )
    return max(read, round(stored / max(size / len(sample.rows), 1)))


def encoded_sample(
    study: Study, load: Workload, tokenizer: "PreTrainedTokenizerBase"
) -> list[Encoded]:
    """The sampled texts as attribution reads them, without those too short for a gradient."""
    rows = encode_documents(load.texts, tokenizer, study.model.max_tokens)
    return [row for row in rows if len(row["input_ids"]) >= study.sampling.min_tokens]
