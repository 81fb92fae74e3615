"""What a model answers: log-likelihoods of every choice, by lm-eval's own scoring.

Belongs here: running the harness over items in memory, and `item_predictions`. Does not
belong here: prompts (prompts.py), damage after unlearning (unlearning, which calls
`score_items` with its adapted models).
"""

import io
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import polars as pl

from influence_warehouse.benchmarks.prompts import DELIMITER
from influence_warehouse.benchmarks.queries import require_splits
from influence_warehouse.errors import HealthError, InputError
from influence_warehouse.lake.facts import CONTRACTS, Lake, Part
from influence_warehouse.models.loading import load_model, load_tokenizer, model_source
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.progress import working
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.huggingface import HFLM
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def identity_of_item_predictions(study: Study, lake: Lake, model: Part) -> dict[str, Any]:
    """What makes a model's predictions beside the items: model, numerics, metric."""
    return {
        "model": model_source(study, lake.home).digest,
        "dtype": study.model.dtype,
        "attention": study.model.attention,
        "metrics": _metrics(study),
    }


def make_item_predictions(task: Task) -> list[Made]:
    """`item_predictions`: every item scored with one of the study's models.

    Runs on CUDA where there is one. Details: accuracy and items per benchmark.
    """
    study, home = task.study, task.lake.home
    loaded, tokenizer = load_model(study, home), load_tokenizer(study, home)
    items = task.lake.read("benchmark_items")
    frame = score_items(loaded, tokenizer, items, _metrics(study), study.model.name)
    accuracy = (
        frame.group_by("benchmark").agg(pl.col("is_correct").mean(), pl.len()).sort("benchmark")
    )
    details = {
        name: {"accuracy": share, "items": count} for name, share, count in accuracy.iter_rows()
    }
    return [Made("item_predictions", frame, details)]


def _metrics(study: Study) -> dict[str, str]:
    return {benchmark.name: benchmark.metric for benchmark in study.benchmarks}


def score_items(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    items: pl.DataFrame,
    metric_by_benchmark: Mapping[str, str],
    name: str,
    batch_size: int | None = None,
) -> pl.DataFrame:
    """Predictions of `model`, called `name`, for `items` (of `benchmark_items`), sorted by key.

    Returns the columns of `item_predictions`. `choice_logprobs` are summed log-likelihoods in
    nats of delimiter + choice after the prompt, softmax in float32. The prediction is the
    choice of the highest log-likelihood (metric `acc`), or of the highest log-likelihood per
    character of the choice (`acc_norm`, lm-eval's definition); `correct_logprob_margin` is the
    right choice's value minus the best other one, in that same unit. Prompts longer than the
    model's context lose tokens from the left, as lm-eval does. `batch_size` counts choices;
    null: 32 on an accelerator, 4 on a CPU.
    The model keeps its device, dtype and training mode; the tokenizer is not changed.
    Raises InputError for a choice longer than the context, HealthError for log-likelihoods
    that are not finite.
    """
    ordered = items.sort("benchmark", "item_id")
    was_training = model.training
    try:
        # Shown from before stderr is closed to lm-eval.
        with working("loading lm-eval"), _quiet_harness():
            # lm-eval gives its tokenizer a padding token, hence a copy.
            samples = _evaluate(model, deepcopy(tokenizer), ordered, batch_size)
    finally:
        model.train(was_training)
    rows = []
    for (benchmark,), group in ordered.group_by("benchmark", maintain_order=True):
        asked = zip(group.iter_rows(named=True), samples[str(benchmark)], strict=True)
        metric = metric_by_benchmark[str(benchmark)]
        rows += [_prediction(row, sample, metric, name) for row, sample in asked]
    return pl.DataFrame(rows, schema=CONTRACTS["item_predictions"].columns)


def _evaluate(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    items: pl.DataFrame,
    batch_size: int | None,
) -> dict[str, list[dict[str, Any]]]:
    """lm-eval's logged samples per benchmark, in the order of `items`."""
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    if batch_size is None:
        # Padding costs a CPU more than batching saves: SmolLM2-135M in bfloat16 took 0.14
        # core-seconds an item in batches of 4, 0.22 in batches of 16.
        batch_size = 4 if model.device.type == "cpu" else 32
    # Without a float32 softmax a bfloat16 model's log-likelihoods keep two digits.
    harness = HFLM(model, tokenizer=tokenizer, batch_size=batch_size, softmax_dtype="float32")
    _require_choices_fit(items, tokenizer, harness.max_length)
    require_splits(items, tokenizer)
    tasks = {
        str(name): _task(str(name), group)
        for (name,), group in items.group_by("benchmark", maintain_order=True)
    }
    with _progress(harness, int(items["choices"].list.len().sum())):
        results = evaluate(harness, tasks, bootstrap_iters=0, log_samples=True)
    assert results is not None  # None only on the other ranks of a distributed run
    return results["samples"]


def _task(name: str, items: pl.DataFrame) -> "ConfigurableTask":
    """A zero-shot multiple-choice task of lm-eval over rows in memory."""
    from datasets import Dataset, DatasetDict
    from lm_eval.api.task import ConfigurableTask

    rows = Dataset.from_dict(
        items.select("prompt", "choices", "answer_index").to_dict(as_series=False)
    )
    metrics = [
        {"metric": metric, "aggregation": "mean", "higher_is_better": True}
        for metric in ("acc", "acc_norm")
    ]
    return ConfigurableTask(
        config={
            "task": name,
            "custom_dataset": lambda: DatasetDict({"test": rows}),
            "test_split": "test",
            "output_type": "multiple_choice",
            "doc_to_text": "prompt",
            "doc_to_choice": "choices",
            "doc_to_target": "answer_index",
            "target_delimiter": DELIMITER,
            "num_fewshot": 0,
            "metric_list": metrics,
        }
    )


def _require_choices_fit(
    items: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase", max_length: int
) -> None:
    for row in items.select("benchmark", "item_id", "choices").iter_rows(named=True):
        # A token holds at least one byte, so short texts need no tokenizer.
        longest = max(row["choices"], key=lambda choice: len(choice.encode()))
        if len(longest.encode()) >= max_length and len(tokenizer.encode(longest)) >= max_length:
            raise InputError(
                f"item {row['benchmark']}/{row['item_id']}: a choice is longer than the model's "
                f"context of {max_length} tokens. Remedy: remove the item."
            )


def _prediction(
    item: dict[str, Any], sample: dict[str, Any], metric: str, model: str
) -> dict[str, Any]:
    logprobs = [float(logprob) for logprob, _ in sample["filtered_resps"]]
    if not all(math.isfinite(logprob) for logprob in logprobs):
        raise HealthError(
            f"item {item['benchmark']}/{item['item_id']}, model {model!r}: log-likelihoods "
            f"{logprobs} are not finite. Remedy: check the model's weights, and try dtype float32."
        )
    lengths = [len(choice) if metric == "acc_norm" else 1 for choice in item["choices"]]
    values = [logprob / length for logprob, length in zip(logprobs, lengths, strict=True)]
    answer = item["answer_index"]
    others = [value for index, value in enumerate(values) if index != answer]
    return {
        "model": model,
        "benchmark": item["benchmark"],
        "item_id": item["item_id"],
        "choice_logprobs": logprobs,
        "predicted_index": values.index(max(values)),
        "is_correct": sample[metric] == 1.0,
        "correct_logprob_margin": values[answer] - max(others),
    }


@contextmanager
def _quiet_harness() -> Iterator[None]:
    """Keep lm-eval's notices and its several progress bars off the terminal."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _progress(harness: "HFLM", total: int) -> Iterator[None]:
    with working("answers", total, "choices") as activity:
        harness.cache_hook.add_partial = lambda *_: activity.advance()  # its one call per answer
        yield
