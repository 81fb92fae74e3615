"""How fast this machine does a study's work: the steps' own code on a few documents and items.

Times are seconds of one core, which other work on the machine hardly changes; on an accelerator
wall time. Belongs here: timing. Does not belong here: what is made of it (`plan`).
"""

import hashlib
import resource
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.gradient_pass import kept_model, let_go
from influence_warehouse.attribution.gradients import Comparison, Projection, gradients_of
from influence_warehouse.attribution.methods.hidden_states import read_layer
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.benchmarks.scoring import score_items
from influence_warehouse.corpus.documents import with_sizes
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.hidden_states import mean_hidden_states
from influence_warehouse.models.loading import Encoded, device, load_model, load_tokenizer
from influence_warehouse.models.small import choices_at_once
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.planning.workload import (
    Workload,
    encoded_sample,
    gradient_cells,
    state_cells,
)
from influence_warehouse.progress import working
from influence_warehouse.study.study import Compute, Study

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Wall time; importing libraries takes up to half of it.
PROBE_SECONDS = 30.0
_FEW, _MORE = 2, (8, 32, 128)
_QUICK_SECONDS = 0.4  # a difference under this is measured again on more documents
_TRAINED_TEXTS = 128
_USUAL_PROJECTION = 16
# A preconditioner keeps the documents' second moments, the queries' and, alone, their mix.
_MIXED_SIZE = 2.5


@dataclass
class Rates:
    """Seconds and bytes measured. `fixed`: once a call, whatever the number of documents.

    `score_fixed` is once a process, `shard_fixed` once a shard.
    """

    imports: float = 0.0
    load: float = 0.0
    training_step: float = 0.0
    text_byte: float = 0.0
    item: float = 0.0
    item_fixed: float = 0.0
    unlearned_item: float = 0.0
    gradient_document: float = 0.0
    gradient_fixed: float = 0.0
    mix_fixed: float = 0.0
    query: float = 0.0
    query_fixed: float = 0.0
    score_fixed: float = 0.0
    shard_fixed: float = 0.0
    state_document: float = 0.0
    state_query: float = 0.0
    unlearning_fixed: float = 0.0
    unlearning_pair: float = 0.0
    adapter_bytes: int = 0
    tokens_document: float = 0.0
    tokens_query: float = 0.0
    preconditioner_bytes: int = 0
    projection_dim: int = 0
    gradient_bytes: int = 0
    whole_gradient_bytes: int = 0
    state_bytes: int = 0
    peak_bytes: int = 0
    fills_batch: bool = True
    probe_seconds: float = 0.0
    unit: str = field(default="core-seconds")


class Budget:
    """Seconds that are left; what does not fit is timed on less, or not again."""

    def __init__(self, seconds: float, clock: Callable[[], float]):
        self._clock = clock
        self._end = clock() + seconds
        self._call = 0.0

    def spend(self, action: Callable[[int], float], count: int) -> float:
        """What `action(count)` returns; `affords` then knows how long it took."""
        start = self._clock()
        result = action(count)
        self._call = self._clock() - start
        return result

    def affords(self, times: float) -> bool:
        """Whether something `times` as long as the last call fits into half of what is left."""
        return times * self._call <= (self._end - self._clock()) / 2


def probe(study: Study, load: Workload, scratch: Home) -> Rates:
    """Run the study's steps on a few of its documents and items in the folder `scratch`.

    It takes about PROBE_SECONDS, and up to twice as long again to fill batches for their memory;
    each step is run at least once.
    """
    import torch

    rates, began = Rates(), time.monotonic()
    budget = Budget(PROBE_SECONDS, _clock())
    if device() == "cuda":
        rates.unit = "seconds"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with working("timing the study's steps on a few documents"):
            rates.imports = _seconds(lambda: _import_libraries(scratch))[0]
            if study.planted is not None:
                _probe_training(study, load, scratch, rates)
            tokenizer = load_tokenizer(study, scratch)
            rates.load, model = _seconds(lambda: load_model(study, scratch))
            rates.text_byte = _text_byte(load, tokenizer)
            _probe_items(study, load, (model, tokenizer), rates, budget)
            if study.unlearning is not None:
                _probe_unlearning(study, load, (model, tokenizer), scratch, rates, budget)
            if state_cells(study):
                _probe_states(study, load, (model, tokenizer), scratch, rates, budget)
            if cells := gradient_cells(study):
                _probe_gradients(study.of_part(cells[0]), load, scratch, rates, budget)
    finally:
        torch.set_num_threads(threads)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    rates.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte
    rates.probe_seconds = time.monotonic() - began
    return rates


def _clock() -> Callable[[], float]:
    return time.perf_counter if device() == "cuda" else time.process_time


def _seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    clock = _clock()
    start = clock()
    result = action()
    return clock() - start, result


def _import_libraries(scratch: Home) -> None:
    import lm_eval.evaluator
    import lm_eval.models.huggingface  # noqa: F401

    with bergson_output_to(scratch.runs / "bergson.log"):
        import bergson.build
        import bergson.score.score  # noqa: F401


def _probe_training(study: Study, load: Workload, scratch: Home, rates: Rates) -> None:
    """Train the planted model on some documents; the model stays in `scratch` for what follows."""
    from influence_warehouse.planted.training import BATCH_DOCUMENTS

    texts = load.texts[:_TRAINED_TEXTS]
    rows = {"doc_id": [f"{i:05d}" for i in range(len(texts))], "text": texts}
    pl.DataFrame(rows).write_parquet(scratch.inputs / "documents.parquet")
    assert study.planted is not None
    short = study.model_copy(update={"planted": study.planted.model_copy(update={"epochs": 1})})
    rates.training_step, _ = _seconds(lambda: make_fact(short, Lake(scratch), "planted_model"))
    rates.training_step /= -(-len(texts) // BATCH_DOCUMENTS)


def _text_byte(load: Workload, tokenizer: "PreTrainedTokenizerBase") -> float:
    """Seconds that the corpus takes for a byte of text once it is read: digest and tokens."""

    def work() -> None:
        for text in load.texts:
            hashlib.sha256(text.encode()).hexdigest()
        with_sizes(load.documents_read, tokenizer)

    return _seconds(work)[0] / sum(len(text.encode()) for text in load.texts)


def _probe_items(
    study: Study, load: Workload, loaded: tuple[Any, Any], rates: Rates, budget: Budget
) -> None:
    metrics = {benchmark.name: benchmark.metric for benchmark in study.benchmarks}
    shuffled = _items(load).sample(fraction=1.0, shuffle=True, seed=study.seed)

    def ask(count: int, batch_size: int | None = None) -> float:
        rows = shuffled.head(count)
        return _seconds(lambda: score_items(*loaded, rows, metrics, "probe", batch_size))[0]

    rates.item, rates.item_fixed = _line(ask, len(shuffled), budget)
    batch_size = choices_at_once(loaded[0])
    rates.unlearned_item = rates.item
    if study.unlearning is not None and batch_size is not None:
        rates.unlearned_item, _ = _line(lambda count: ask(count, batch_size), len(shuffled), budget)


def _encoded(
    study: Study, load: Workload, tokenizer: "PreTrainedTokenizerBase", rates: Rates
) -> list[Encoded]:
    """Sampled texts as the model reads them; their mean length and that of queries is noted."""
    documents = encoded_sample(study, load, tokenizer)
    queries = encode_queries(_items(load), tokenizer, study.model.max_tokens)
    rates.tokens_document, rates.tokens_query = _mean_length(documents), _mean_length(queries)
    return documents


def _probe_states(
    study: Study,
    load: Workload,
    loaded: tuple[Any, Any],
    scratch: Home,
    rates: Rates,
    budget: Budget,
) -> None:
    """A forward pass of a document; a layer that the model does not have is refused."""
    for cell in state_cells(study):
        read_layer(study.of_part(cell), Lake(scratch))
    model, tokenizer = loaded
    documents = _encoded(study, load, tokenizer, rates)
    batch_tokens = study.attribution.batch_tokens

    def read(count: int, rows: list[Encoded] = documents) -> float:
        return _seconds(lambda: mean_hidden_states(model, rows[:count], -1, batch_tokens))[0]

    read(min(_FEW, len(documents)))  # the first pass pays for what is made once
    rates.state_document, _ = _line(read, len(documents), budget, documents)
    rates.state_query = rates.state_document * rates.tokens_query / rates.tokens_document
    rates.state_bytes = 4 * model.config.get_text_config().hidden_size
    # Memory is at its peak in a full batch, which holds the states of all layers.
    longest = sorted(documents, key=lambda row: -len(row["input_ids"]))
    batch = max(1, batch_tokens // len(longest[0]["input_ids"]))
    rates.fills_batch &= batch * rates.state_document <= PROBE_SECONDS
    if rates.fills_batch:
        read(batch, longest)


def _probe_gradients(
    study: Study, load: Workload, scratch: Home, rates: Rates, budget: Budget
) -> None:
    documents = _encoded(study, load, load_tokenizer(study, scratch), rates)
    # One process of this machine: its seconds are told, and no other node is there to join.
    alone = study.model_copy(update={"compute": Compute()})
    # Whole gradients would fill disks; they are made by the same passes.
    gradients = gradients_of(alone, Lake(scratch), _projection(study))
    work = scratch.work / "probe"

    def store(count: int) -> float:
        shutil.rmtree(target := work / f"index-{count}", ignore_errors=True)
        with bergson_output_to(gradients.log):
            return _seconds(lambda: gradients.store(documents[:count], target))[0]

    def fit(count: int) -> float:
        with bergson_output_to(gradients.log):
            return _seconds(lambda: gradients.fit_moments(longest[:count], fitted))[0]

    def score(count: int) -> float:
        compared, index = Comparison(fitted, unit_normalize=True), work / f"index-{few}"
        rows = documents[:count]
        return _seconds(lambda: gradients.score(rows, compared, index, lambda *_: None))[0]

    fitted, few = work / "fitted", min(_FEW, len(documents))
    # Memory is at its peak in a full batch; batches are filled with documents of like length.
    longest = sorted(documents, key=lambda row: -len(row["input_ids"]))
    full = max(1, study.attribution.batch_tokens // len(longest[0]["input_ids"]))
    rates.gradient_document, rates.shard_fixed = _line(store, len(documents), budget, documents)
    rates.query_fixed = rates.load + rates.shard_fixed
    # A gradient takes as long as its text; so a query's need not be timed.
    rates.query = rates.gradient_document * rates.tokens_query / rates.tokens_document
    of_few = few * rates.gradient_document
    batch = min(full, len(longest))
    # Beside the budget: half of what is asked of a check is whether memory is enough.
    fills_batch = batch * rates.gradient_document <= PROBE_SECONDS
    rates.fills_batch &= fills_batch
    fits = batch if fills_batch else few
    of_fits = _mean_length(longest[:fits]) * fits * rates.gradient_document / rates.tokens_document
    # Of the queries, second moments are fitted as of the documents; mixing both is quick.
    rates.mix_fixed = rates.gradient_fixed = max(0.0, budget.spend(fit, fits) - of_fits)
    # Fitting and scoring each solve an eigenvalue problem a module; scoring does once a process.
    rates.score_fixed = rates.gradient_fixed
    if budget.affords(1):
        rates.score_fixed = max(0.0, score(few) - of_few)
    rates.preconditioner_bytes = round(_MIXED_SIZE * _size(fitted))
    rates.gradient_bytes = _size(work / f"index-{few}") // few
    rates.projection_dim = gradients.projection.dim
    rates.whole_gradient_bytes = 4 * kept_model(gradients).tracked_parameters
    let_go()
    shutil.rmtree(work)


def _projection(study: Study) -> Projection:
    """Of the study's first method that projects each layer, else the usual one."""
    dims = [m.projection_dim for m in study.attribution.methods if hasattr(m, "projection_dim")]
    return Projection(next((dim for dim in dims if dim), _USUAL_PROJECTION))


def _probe_unlearning(
    study: Study,
    load: Workload,
    loaded: tuple[Any, Any],
    scratch: Home,
    rates: Rates,
    budget: Budget,
) -> None:
    """One step and a few on a pair of documents: a run's fixed cost and a pair's."""
    from influence_warehouse.models.encoding import encode_documents
    from influence_warehouse.unlearning.plan import unlearning_section
    from influence_warehouse.unlearning.training import RunData, train, with_adapter

    base, tokenizer = loaded
    full = unlearning_section(study)
    encoded = encode_documents(load.documents_read, tokenizer, full.max_tokens)
    longest = sorted(encoded, key=lambda row: -len(row["input_ids"]))

    def run(steps: int, batch: int = _FEW, accumulated: int = 1, rows: list = encoded) -> float:
        parts = [rows[i * batch : (i + 1) * batch] for i in range(3)]
        data = RunData(parts[0], parts[1], parts[2], tokenizer.pad_token_id or 0)
        stops = full.stops.model_copy(
            update={"steps": steps, "utility_floor": 0.0, "max_forget_perplexity": None}
        )
        sizes = {
            "batch_documents": batch,
            "gradient_accumulation": accumulated,
            "eval_every": steps,
        }
        settings = full.model_copy(update={"stops": stops, **sizes})
        model = with_adapter(base, settings.lora, 1)
        trained = sum(p.numel() * 4 for p in model.parameters() if p.requires_grad)
        rates.adapter_bytes = trained
        folder = scratch.work / f"unlearning-{steps}-{batch}"
        try:
            return _seconds(lambda: train(model, data, settings, 1, folder))[0]
        finally:
            model.unload()
            shutil.rmtree(folder, ignore_errors=True)

    one = budget.spend(run, 1)
    if budget.affords(1):  # the first call paid for what is made once
        one = budget.spend(run, 1)
    steps = 4 if budget.affords(4) else 2
    more = run(steps)
    rates.unlearning_pair = max(0.0, more - one) / (steps - 1) / _FEW
    rates.unlearning_fixed = max(0.0, one - _FEW * rates.unlearning_pair)
    batch = full.batch_documents
    seconds = rates.unlearning_fixed + batch * rates.unlearning_pair
    if seconds <= PROBE_SECONDS and len(longest) >= 3 * batch:
        run(1, batch, full.gradient_accumulation, longest)
    else:
        rates.fills_batch = False


def _line(
    run: Callable[[int], float],
    available: int,
    budget: Budget,
    rows: list[Encoded] | None = None,
) -> tuple[float, float]:
    """Seconds a row and seconds a call, from calls on few and on more rows.

    With `rows`, a row's seconds are those of one of mean length.
    """
    few = min(_FEW, available)
    first = budget.spend(run, few)
    if budget.affords(4):  # the first call paid for what is made once
        first = budget.spend(run, few)
    least = _MORE[0] if budget.affords(_MORE[0] / few) else 2 * few
    some, last = min(least, available), first
    if some > few:
        last = budget.spend(run, some)
    for more in _MORE:
        enough = last - first > _QUICK_SECONDS or min(more, available) <= some
        if enough or not budget.affords(more / some):
            continue
        some = min(more, available)
        last = budget.spend(run, some)
    if some == few:
        return first / few, 0.0
    share = 1.0
    if rows is not None:
        share = _mean_length(rows) / _mean_length(rows[few:some])
    each = max(0.0, last - first) / (some - few)
    return each * share, max(0.0, first - few * each)


def _mean_length(rows: list[Encoded]) -> float:
    return sum(len(row["input_ids"]) for row in rows) / len(rows)


def _items(load: Workload) -> pl.DataFrame:
    assert load.items is not None  # plan asks for a probe only with items at hand
    return load.items


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
