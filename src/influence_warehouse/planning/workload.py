"""How much there is to do: documents, tokens and items of a study, counted or sampled.

Belongs here: reading inputs far enough to count them, in bounded time. Does not belong here:
timing (`probe`), and products of counts and rates (`plan`).
"""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from influence_warehouse.corpus.documents import judge_rows, token_counts, unique_documents
from influence_warehouse.corpus.files import corpus_files, is_parquet
from influence_warehouse.corpus.readers import corpus_path, read_corpus
from influence_warehouse.corpus.rows import checked_rows
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.lake.leftovers import scratch_folder
from influence_warehouse.lake.out_of_core import spilling
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import Encoded, load_tokenizer
from influence_warehouse.models.training_states import checkpoint_folders
from influence_warehouse.own_labels import MAX_BINS
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.pipeline.parts import cells
from influence_warehouse.sampling.manifest import drawn_per_bin
from influence_warehouse.study.methods import Embeddings, HiddenStates, Needs, OfGradients, Source
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import FORMATS, TOPICS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

READING_SECONDS = 10.0  # of wall time, then the rest is extrapolated
SAMPLED_DOCUMENTS = 256


@dataclass(frozen=True)
class Workload:
    """Counts of one study.

    `documents` are those of the corpus, `sampled` those left by the study's caps, `fitted` those
    whose gradients the preparations of a model take, `averaged` those whose hidden states they
    take; `is_bound` says that these are upper bounds, `share_read` what share of the corpus was
    read to count. `vector_bytes` are those of files of embeddings.
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
    averaged: int = 0
    vector_bytes: int = 0

    @property
    def documents_read(self) -> pl.DataFrame:
        """`texts` as rows of `documents`; a loss on all tokens costs what one on a few does."""
        ids = [f"{number:05d}" for number in range(len(self.texts))]
        columns = {"doc_id": ids, "text": self.texts, "prompt_chars": None}
        return pl.DataFrame(columns, schema_overrides={"text": pl.String, "prompt_chars": pl.Int32})


def workload(study: Study, inputs: Home, scratch: Home) -> Workload:
    """Count the corpus in `inputs`, and make its items in `scratch`.

    A corpus or benchmark of the hub is not downloaded: bounds stand for its counts. Raises
    InputError for inputs that are broken as far as they are read.
    """
    is_local = not any(benchmark.hub for benchmark in study.benchmarks)
    items = None
    if is_local:
        lake = Lake(scratch)
        make_fact(study, lake, "benchmark_items")
        items = lake.read("benchmark_items")
    n_items = len(items) if items is not None else sum(b.max_items or 0 for b in study.benchmarks)
    if corpus_path(study, inputs) is None:
        return _bound(study, n_items, items)
    return _counted(study, inputs, scratch, n_items, items)


def _bound(study: Study, n_items: int, items: pl.DataFrame | None) -> Workload:
    per_bin = study.sampling.documents_per_bin
    full = [per_bin] * _most_bins(study)
    caps = [drawn_per_bin(study.sampling, full, "the corpus")] * len(full)
    sampled = sum(caps)
    size = sampled * study.model.max_tokens * 4  # 4 bytes a token of English
    counts = (sampled, sampled, _fitted(fit_limits(study), caps), len(caps), size)
    averaged = _fitted(mean_limits(study), caps)
    vectors = _vector_bytes(study)
    return Workload(*counts, 0.0, True, 0.0, (), items, n_items, averaged, vectors)


@dataclass
class _Count:
    """Documents read so far: their bytes, their number by topic and format, some of the texts."""

    rng: random.Random
    documents: int = 0
    n_bytes: int = 0
    longest: str = ""
    sizes: Counter = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)

    def add(self, frame: pl.DataFrame) -> None:
        for text, topic, form in frame.select("text", "topic", "format").iter_rows():
            self.documents += 1
            self.n_bytes += len(text.encode())
            self.sizes[(topic, form)] += 1
            self.longest = max(self.longest, text, key=len)
            # Reservoir sampling: each text read stays with equal chance.
            if len(self.kept) < SAMPLED_DOCUMENTS:
                self.kept.append(text)
            elif (place := self.rng.randrange(self.documents)) < SAMPLED_DOCUMENTS:
                self.kept[place] = text


def _counted(
    study: Study, inputs: Home, scratch: Home, n_items: int, items: pl.DataFrame | None
) -> Workload:
    clock, count = time.process_time(), _Count(random.Random(study.seed))
    rows = _ForAWhile(checked_rows(study, inputs), READING_SECONDS)
    with scratch_folder(scratch.work) as name, spilling(folder := Path(name)) as connection:
        read, _ = judge_rows(study, inputs, rows, folder, connection)
        for frame in unique_documents(folder, read, connection):
            count.add(frame)
    scale = 1.0 if rows.is_whole else _rows(study, inputs, read) / read
    is_labelled = study.corpus.labels == "columns"
    if scale == 1:
        _require_long_enough(study, inputs, count.longest)
    # Of a corpus that is like what was read; without labels any bin may be full.
    topics = study.sampling.topics
    wanted = [n for (topic, _), n in count.sizes.items() if not topics or topic in topics]
    of_any = [count.documents] * _most_bins(study)
    sizes = [round(n * scale) for n in wanted] if is_labelled else of_any
    cap = drawn_per_bin(study.sampling, sizes, corpus_path(study, inputs))
    capped = [min(size, cap) for size in sizes]
    documents = round(count.documents * scale)
    fitted, averaged = (
        min(_fitted(limits, capped), documents * len(limits))
        for limits in (fit_limits(study), mean_limits(study))
    )
    counts = (documents, min(sum(capped), documents), fitted)
    return Workload(
        *counts,
        bins=len(capped),
        text_bytes=round(count.n_bytes * scale),
        share_read=1 / scale,
        is_bound=not is_labelled,
        read_seconds=(time.process_time() - clock) * scale,
        texts=tuple(count.kept),
        items=items,
        n_items=n_items,
        averaged=averaged,
        vector_bytes=_vector_bytes(study),
    )


class _ForAWhile:
    """Frames until the time is up; `is_whole` says whether they were all."""

    def __init__(self, frames: Iterator[pl.DataFrame], seconds: float):
        self._frames, self._end = frames, time.monotonic() + seconds
        self.is_whole = False

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frame in self._frames:
            yield frame
            if time.monotonic() > self._end:
                return
        self.is_whole = True


def _most_bins(study: Study) -> int:
    """Bins that documents whose labels are not read may be drawn from, at most."""
    settings = study.sampling
    if study.taxonomy == "columns":
        return min(MAX_BINS, settings.max_documents or MAX_BINS)
    return len(settings.topics or TOPICS) * len(FORMATS)


def _require_long_enough(study: Study, inputs: Home, longest: str) -> None:
    """Raise InputError, as sampling does, when not even the longest text has enough tokens."""
    if study.planted is not None or study.model.hub is not None:
        return  # its tokenizer is not there yet
    tokens = token_counts([longest], load_tokenizer(study, inputs))
    if tokens[0] < study.sampling.min_tokens:
        drawn_per_bin(study.sampling, [], corpus_path(study, inputs))


def gradient_cells(study: Study) -> list[str]:
    """Models with methods that take a gradient of every sampled document."""
    return _cells_that_need(study, "gradients")


def state_cells(study: Study) -> list[str]:
    """Models with methods that take hidden states of every sampled document."""
    return _cells_that_need(study, "model")


def _cells_that_need(study: Study, need: Needs) -> list[str]:
    names = {m.name for m in study.attribution.methods if m.needs == need}
    return [cell for cell in cells(study) if cell.partition("|")[2] in names]


def storing_cells(study: Study) -> list[str]:
    """Those of them that keep the documents' gradients."""
    methods = study.attribution.methods
    storing = {m.name for m in methods if getattr(m, "store_gradients", False)}
    return [cell for cell in gradient_cells(study) if cell.partition("|")[2] in storing]


def gradient_passes(study: Study) -> int:
    """Passes over the sampled documents that score them, of all models."""
    methods = [m for m in study.attribution.methods if isinstance(m, OfGradients)]
    return len(study.models) * sum(_states_read(study, method) for method in methods)


def fit_limits(study: Study) -> list[int | None]:
    """Of each pass that prepares a method by gradients, the documents of a bin at most."""
    methods = [m for m in study.attribution.methods if isinstance(m, OfGradients)]
    passes = [(m.fit_limit, m.fit_passes * _states_read(study, m)) for m in methods]
    return [limit for limit, times in passes for _ in range(times)]


def _states_read(study: Study, method: OfGradients) -> int:
    """Models that a method takes gradients of: one, or the checkpoints that it follows."""
    if not isinstance(method, Source):
        return 1
    if method.checkpoints is not None:
        return len(checkpoint_folders(method.checkpoints.path))
    return study.planted.checkpoints if study.planted else 0


def mean_limits(study: Study) -> list[int | None]:
    """Of each method by hidden states that subtracts a mean, of how many documents of a bin."""
    methods = study.attribution.methods
    return [m.fit_documents_per_bin for m in methods if isinstance(m, HiddenStates) and m.centred]


def _fitted(limits: Sequence[int | None], capped: Sequence[int]) -> int:
    """Documents that the preparations of a model read, all methods together."""
    return sum(size if limit is None else min(size, limit) for limit in limits for size in capped)


def _vector_bytes(study: Study) -> int:
    """Bytes of all files of embeddings, of which each model's methods keep a copy."""
    methods = [m for m in study.attribution.methods if isinstance(m, Embeddings)]
    files = [path for m in methods for path in (m.documents.path, m.items.path)]
    return sum(path.stat().st_size for path in files)


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
    rows = encode_documents(load.documents_read, tokenizer, study.model.max_tokens)
    return [row for row in rows if len(row["input_ids"]) >= study.sampling.min_tokens]
