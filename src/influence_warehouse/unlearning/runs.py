"""One unlearning run, from its sets to its facts: train or keep the adapter, then evaluate it.

Facts of a run are files of their own, so runs fail, finish and are retried one by one. The
base model is loaded once per process; an adapter is put on it and taken off again.
Belongs here: fingerprints and order of a run. Does not belong here: training and objectives.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from influence_warehouse.benchmarks.scoring import score_items
from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import Home
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import Encoded, load_model, load_tokenizer, model_source
from influence_warehouse.models.small import choices_at_once, threads_of
from influence_warehouse.pipeline.identity import fingerprint_of, is_fact_current
from influence_warehouse.pipeline.parts import cell_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.plan import unlearning_section

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from influence_warehouse.unlearning.adapters import Adapter
    from influence_warehouse.unlearning.training import RunData, Trained

# The folder of the adapter is no fact; the facts of one run are files of their own.
MODEL, PREDICTIONS = "unlearned_models", "unlearned_predictions"
# Which documents are forgotten comes in by their digest; the last changes no result.
_NOT_OF_A_RUN = {
    "methods",
    "objectives",
    "regions",
    "benchmarks",
    "conditions",
    "seeds",
    "random_sets",
    "forget_documents",
    "retain_documents",
    "probe_documents",
    "checkpoint_every",
}

_PLANNED = (
    "model", "method", "objective", "benchmark", "condition", "region_kind", "topic",
    "set_number", "seed"
)  # fmt: skip


def identity_of_unlearned_models(study: Study, lake: Lake, run_id: str) -> dict[str, Any]:
    """The model, the run's documents with their texts, the settings and the seed."""
    run = _planned(lake, run_id)
    digests = _row_of(lake, "unlearning_set_digests", run_id)
    settings = unlearning_section(study).model_dump(mode="json", exclude=_NOT_OF_A_RUN)
    return {
        "model": model_source(study, lake.home).digest,
        "dtype": study.model.dtype,
        "attention": study.model.attention,
        "settings": settings | {"objective": run["objective"]},
        "seed": run["seed"],
        "n_forget": digests["n_forget"],
        "forget_digest": digests["forget_digest"],
        "documents": digest_of(_members(lake, run).rows()),
    }


def is_done(study: Study, lake: Lake, run_id: str) -> bool:
    """Whether the run's facts and predictions are there and made from what is there now."""
    facts = ("unlearning_runs", PREDICTIONS)
    return all(
        lake.exists(fact, run_id) and is_fact_current(study, lake, fact, run_id) for fact in facts
    )


def make_unlearned_model(task: Task) -> list[Made]:
    """Train one run's adapter, or keep one that is whole, and tell what was measured.

    Details of `unlearning_runs`: steps, stop_reason, losses. Raises FactError for a run that is
    not in the plan, HealthError when losses are not finite; other runs are not touched.
    """
    run = _planned(task.lake, task.key)
    with _unlearned(task, run) as (_, trained):
        steps, row = _steps_frame(task.key, trained), _run_frame(task.lake, run, trained)
    details = row.select(
        "steps", "stop_reason", "forget_loss_before", "forget_loss_after", "utility_after"
    )
    return [
        Made(MODEL, 1),
        Made("unlearning_steps", steps),
        Made("unlearning_runs", row, details.row(0, named=True)),
    ]


def make_unlearned_predictions(task: Task) -> list[Made]:
    """Ask one run's unlearned model all items, with the base model's prompts, by lm-eval.

    An adapter that is there is used without training; a missing one is trained. Raises as
    `make_unlearned_model` does.
    """
    study, lake = task.study, task.lake
    metrics = {benchmark.name: benchmark.metric for benchmark in study.benchmarks}
    items = lake.read("benchmark_items")
    with _unlearned(task, _planned(lake, task.key)) as (model, _):
        inner: Any = model.get_base_model()
        size = choices_at_once(inner)
        tokenizer = base_of(study, lake).tokenizer
        frame = score_items(inner, tokenizer, items, metrics, task.key, size)
    return [Made(PREDICTIONS, frame.rename({"model": "run_id"}))]


def progress_line(lake: Lake, run_id: str) -> str:
    """What a finished run did, in one line."""
    run = lake.read("unlearning_runs", run_id).row(0, named=True)
    return (
        f"{run_id}: {run['steps']} steps ({run['stop_reason']}), loss per token: forget "
        f"{run['forget_loss_before']:.2f} to {run['forget_loss_after']:.2f}, retain "
        f"{run['retain_loss_before']:.2f} to {run['retain_loss_after']:.2f}"
    )


@dataclass(frozen=True)
class Base:
    """The untouched model on its device, with its tokenizer."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"


@lru_cache(maxsize=1)
def _base(study: Study, home: Home, digest: str) -> Base:
    # The digest only keys the cache: a model that is trained anew is loaded anew.
    return Base(load_model(study, home), load_tokenizer(study, home))


def base_of(study: Study, lake: Lake) -> Base:
    """The study's untouched model; loaded once per process and state of the model."""
    return _base(study, lake.home, model_source(study, lake.home).digest)


@contextmanager
def _unlearned(task: Task, run: dict[str, Any]) -> Iterator[tuple["PeftModel", "Trained"]]:
    """The base model with the run's adapter; the base is as it was before when this ends."""
    from influence_warehouse.unlearning.adapters import Adapter, adapter_folder

    study, lake = task.study, task.lake
    expected = fingerprint_of(study, lake, MODEL, task.key)
    adapter = Adapter(adapter_folder(lake.home, task.key), expected)
    base = base_of(study, lake)
    with threads_of(base.model):
        model, trained = _adapted(study, lake, run, adapter, base)
        try:
            yield model, trained
        finally:
            model.unload()


def _adapted(
    study: Study, lake: Lake, run: dict[str, Any], adapter: "Adapter", base: Base
) -> tuple["PeftModel", "Trained"]:
    """The base with the run's adapter, loaded where it is there already, trained where not."""
    from influence_warehouse.unlearning.adapters import load_adapter, save_adapter
    from influence_warehouse.unlearning.training import train, with_adapter

    trained_before = adapter.trained()
    if trained_before is not None:
        return load_adapter(base.model, adapter), trained_before
    settings = unlearning_section(study).of_objective(run["objective"])
    model = with_adapter(base.model, settings.lora, run["seed"])
    try:
        data = _run_data(study, lake, run, base)
        folder = lake.home.work / "unlearning" / adapter.fingerprint.digest
        trained = train(model, data, settings, run["seed"], folder)
        save_adapter(model, adapter, trained, run)
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:
        model.unload()
        raise
    return model, trained


def _run_data(study: Study, lake: Lake, run: dict[str, Any], base: Base) -> "RunData":
    from influence_warehouse.unlearning.training import RunData

    members = _members(lake, run)
    texts = read_documents(lake, members["doc_id"], "doc_id", "text", "prompt_chars")
    documents = members.join(texts, on="doc_id", maintain_order="left")
    tokenizer, longest = base.tokenizer, unlearning_section(study).max_tokens

    def encoded(role: str) -> list[Encoded]:
        return encode_documents(documents.filter(role=role), tokenizer, longest)

    # Padding carries no loss, so any id will do.
    pad = tokenizer.pad_token_id or 0
    return RunData(encoded("forget"), encoded("retain"), encoded("probe"), pad)


def _members(lake: Lake, run: dict[str, Any]) -> pl.DataFrame:
    """role, doc_id and content_sha256 of the run's documents, by role and doc_id."""
    cell = cell_of(run["run_id"])
    forget = lake.scan("forget_sets", cell).filter(run_id=run["run_id"])
    retain = lake.scan("retain_sets", cell).filter(seed=run["seed"])
    members = pl.concat([part.select("role", "doc_id") for part in (forget, retain)])
    sampled = lake.scan("sampling_manifest").select("doc_id", "content_sha256")
    return members.join(sampled, on="doc_id").collect().sort("role", "doc_id")


def _planned(lake: Lake, run_id: str) -> dict[str, Any]:
    return _row_of(lake, "unlearning_plan", run_id)


def _row_of(lake: Lake, fact: str, run_id: str) -> dict[str, Any]:
    cell = cell_of(run_id)
    rows = lake.read(fact, cell).filter(run_id=run_id)
    if rows.is_empty():
        raise FactError(
            f"{lake.path(fact, cell)}: no run {run_id!r}. "
            "Remedy: run the study again; the plan follows from marts.chosen_bins."
        )
    return rows.row(0, named=True)


def _steps_frame(run_id: str, trained: "Trained") -> pl.DataFrame:
    columns = [name for name in CONTRACTS["unlearning_steps"].columns if name != "run_id"]
    return pl.DataFrame(trained.measured).select(columns).with_columns(run_id=pl.lit(run_id))


def _run_frame(lake: Lake, run: dict[str, Any], trained: "Trained") -> pl.DataFrame:
    first, last = trained.measured[0], trained.measured[-1]
    digests = _row_of(lake, "unlearning_set_digests", run["run_id"])
    row = {
        "run_id": run["run_id"],
        **{name: run[name] for name in _PLANNED},
        "forget_digest": digests["forget_digest"],
        "n_forget": digests["n_forget"],
        "steps": int(last["step"]),
        "stop_reason": trained.stop_reason,
        "learning_rate": last["learning_rate"],
    }
    for name in ("forget_loss", "retain_loss", "utility"):
        row |= {f"{name}_before": first[name], f"{name}_after": last[name]}
    return pl.DataFrame([row])
