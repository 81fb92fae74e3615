"""How fast this machine does a study's work: the steps' own code on a few documents and items.

Times are seconds of one core, which other work on the machine hardly changes; on an accelerator
seconds of the clock. Belongs here: timing. Does not belong here: what is made of it (`plan`).
"""

import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.attribution.bergson_session import quiet
from influence_warehouse.attribution.stage import method_of
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.benchmarks.scoring import score_items
from influence_warehouse.facts import Lake
from influence_warehouse.layout import Home
from influence_warehouse.models import Encoded, load_model, load_tokenizer
from influence_warehouse.planning.workload import Workload, encoded_sample
from influence_warehouse.study import Study
from influence_warehouse.unlearning.runs import choices_at_once

_FEW, _MORE = 2, (8, 64, 256)
_QUICK_SECONDS = 1.0  # a difference under this is measured again on more documents


@dataclass
class Rates:
    """Seconds and bytes measured. `fixed`: once a call, whatever the number of documents."""

    imports: float = 0.0
    load: float = 0.0
    training_step: float = 0.0
    item: float = 0.0
    item_fixed: float = 0.0
    unlearned_item: float = 0.0
    gradient_document: float = 0.0
    gradient_fixed: float = 0.0
    mix_fixed: float = 0.0
    query: float = 0.0
    query_fixed: float = 0.0
    score_fixed: float = 0.0
    unlearning_fixed: float = 0.0
    unlearning_pair: float = 0.0
    adapter_bytes: int = 0
    tokens_document: float = 0.0
    tokens_query: float = 0.0
    preconditioner_bytes: int = 0
    gradient_bytes: int = 0
    peak_bytes: int = 0
    probe_seconds: float = 0.0
    unit: str = field(default="core-seconds")


def probe(study: Study, load: Workload, scratch: Home) -> Rates:
    """Run the study's steps on a few of its documents and items in the folder `scratch`."""
    import torch

    rates, began = Rates(), time.monotonic()
    if torch.cuda.is_available():
        rates.unit = "seconds"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _quiet_steps():
            rates.imports = _seconds(lambda: _import_libraries(scratch))[0]
            if study.planted is not None:
                _probe_training(study, load, scratch, rates)
            tokenizer = load_tokenizer(study, scratch)
            rates.load, model = _seconds(lambda: load_model(study, scratch))
            _probe_items(study, load, (model, tokenizer), rates)
            _probe_gradients(study, load, scratch, rates)
            if study.unlearning is not None:
                _probe_unlearning(study, load, (model, tokenizer), scratch, rates)
    finally:
        torch.set_num_threads(threads)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    rates.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte
    rates.probe_seconds = time.monotonic() - began
    return rates


def _seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    import torch

    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    start = clock()
    result = action()
    return clock() - start, result


@contextmanager
def _quiet_steps() -> Iterator[None]:
    """Without the bars of steps that last a second here."""
    from functools import partialmethod

    from tqdm import tqdm

    shown = tqdm.__init__
    tqdm.__init__ = partialmethod(shown, disable=True)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        tqdm.__init__ = shown  # type: ignore[method-assign]


def _import_libraries(scratch: Home) -> None:
    import lm_eval.evaluator
    import lm_eval.models.huggingface  # noqa: F401

    with quiet(scratch.runs / "bergson.log"):
        import bergson.build
        import bergson.score.score  # noqa: F401


def _probe_training(study: Study, load: Workload, scratch: Home, rates: Rates) -> None:
    """Train the planted model on some documents; the model stays in `scratch` for what follows."""
    from influence_warehouse.planted.training import BATCH_DOCUMENTS, make_planted_model

    rows = {"doc_id": [f"{i:05d}" for i in range(len(load.texts))], "text": load.texts}
    pl.DataFrame(rows).write_parquet(scratch.inputs / "documents.parquet")
    assert study.planted is not None
    short = study.model_copy(update={"planted": study.planted.model_copy(update={"epochs": 1})})
    rates.training_step, _ = _seconds(lambda: make_planted_model(short, Lake(scratch)))
    rates.training_step /= -(-len(load.texts) // BATCH_DOCUMENTS)


def _probe_items(study: Study, load: Workload, loaded: tuple[Any, Any], rates: Rates) -> None:
    metrics = {benchmark.name: benchmark.metric for benchmark in study.benchmarks}
    shuffled = _items(load).sample(fraction=1.0, shuffle=True, seed=study.seed)

    def ask(count: int, batch_size: int | None = None) -> float:
        rows = shuffled.head(count)
        return _seconds(lambda: score_items(*loaded, rows, metrics, "probe", batch_size))[0]

    rates.item, rates.item_fixed = _line(ask, len(shuffled))
    batch_size = choices_at_once(loaded[0])
    rates.unlearned_item = rates.item
    if study.unlearning is not None and batch_size is not None:
        rates.unlearned_item, _ = _line(lambda count: ask(count, batch_size), len(shuffled))


def _probe_gradients(study: Study, load: Workload, scratch: Home, rates: Rates) -> None:
    tokenizer = load_tokenizer(study, scratch)
    documents = encoded_sample(study, load, tokenizer)
    items = _items(load).sample(fraction=1.0, shuffle=True, seed=study.seed)
    queries = encode_queries(items, tokenizer, study.model.max_tokens)
    rates.tokens_document, rates.tokens_query = _mean_length(documents), _mean_length(queries)
    method = method_of(study, Lake(scratch))
    work = scratch.work / "probe"

    def fit(count: int) -> float:
        shutil.rmtree(target := work / "fit", ignore_errors=True)
        return _seconds(lambda: method.fit_preconditioner(documents[:count], [], target))[0]

    def index(count: int) -> float:
        shutil.rmtree(target := work / f"index-{count}", ignore_errors=True)
        return _seconds(lambda: method.index_queries(queries[:count], target))[0]

    rates.gradient_document, rates.gradient_fixed = _line(fit, len(documents), documents)
    rates.query, rates.query_fixed = _line(index, len(queries), queries)
    mixed, few = work / "mixed", work / f"index-{_FEW}"
    both = _seconds(lambda: method.fit_preconditioner(documents[:_FEW], queries[:_FEW], mixed))[0]
    rates.mix_fixed = max(0.0, both - rates.gradient_fixed - _FEW * rates.gradient_document)
    scored = _seconds(lambda: method.score(documents[:_FEW], mixed, few))[0]
    rates.score_fixed = max(0.0, scored - _FEW * rates.gradient_document)
    rates.preconditioner_bytes = _size(mixed)
    rates.gradient_bytes = _size(few) // _FEW
    shutil.rmtree(work)


def _probe_unlearning(
    study: Study, load: Workload, loaded: tuple[Any, Any], scratch: Home, rates: Rates
) -> None:
    """One step and four on a pair of documents: a run's fixed cost and a pair's."""
    from influence_warehouse.attribution.encoding import encode_documents
    from influence_warehouse.unlearning.plan import unlearning_section
    from influence_warehouse.unlearning.training import RunData, train, with_adapter

    base, tokenizer = loaded
    full = unlearning_section(study)
    encoded = encode_documents(load.texts[: 3 * _FEW], tokenizer, full.max_tokens)
    parts = [encoded[i * _FEW : (i + 1) * _FEW] for i in range(3)]
    data = RunData(parts[0], parts[1], parts[2], tokenizer.pad_token_id or 0)

    def run(steps: int) -> float:
        stops = full.stops.model_copy(
            update={"steps": steps, "utility_floor": 0.0, "max_forget_perplexity": None}
        )
        sizes = {"batch_documents": _FEW, "gradient_accumulation": 1, "eval_every": steps}
        settings = full.model_copy(update={"stops": stops, **sizes})
        model = with_adapter(base, settings.lora, 1)
        trained = sum(p.numel() * 4 for p in model.parameters() if p.requires_grad)
        rates.adapter_bytes = trained
        folder = scratch.work / f"unlearning-{steps}"
        try:
            return _seconds(lambda: train(model, data, settings, 1, folder))[0]
        finally:
            model.unload()
            shutil.rmtree(folder, ignore_errors=True)

    run(1)  # the first call pays for what is made once
    one, more = run(1), run(4)
    rates.unlearning_pair = max(0.0, more - one) / 3 / _FEW
    rates.unlearning_fixed = max(0.0, one - _FEW * rates.unlearning_pair)


def _line(
    run: Callable[[int], float], available: int, rows: list[Encoded] | None = None
) -> tuple[float, float]:
    """Seconds a row and seconds a call, from calls on few and on more rows.

    With `rows`, a row's seconds are those of one of mean length.
    """
    few = some = min(_FEW, available)
    run(few)  # the first call pays for what is made once
    first = last = run(few)
    for more in _MORE:
        if last - first > _QUICK_SECONDS or available <= some:
            break
        some = min(more, available)
        last = run(some)
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
