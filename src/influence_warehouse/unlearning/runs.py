"""One unlearning run, from its sets to its facts: train or keep the adapter, then evaluate it.

Facts of a run are files of their own, so runs fail, finish and are retried one by one. The
base model is loaded once per process; an adapter is put on it and taken off again.
Belongs here: fingerprints and order of a run. Does not belong here: training and objectives.
"""

import shutil
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import polars as pl

from influence_warehouse.attribution.encoding import encode_documents
from influence_warehouse.benchmarks.scoring import fingerprint_of_item_predictions, score_items
from influence_warehouse.contracts import CONTRACTS
from influence_warehouse.errors import FactError
from influence_warehouse.facts import Lake, Outcome
from influence_warehouse.fingerprint import Fingerprint, digest_of
from influence_warehouse.layout import Home
from influence_warehouse.models import Encoded, load_model, load_tokenizer, model_source
from influence_warehouse.study import Study
from influence_warehouse.unlearning.plan import unlearning_section

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from influence_warehouse.unlearning.adapters import Adapter
    from influence_warehouse.unlearning.training import RunData, Trained

FACTS = ("unlearned_predictions", "unlearning_steps", "unlearning_runs")
# Which documents are forgotten comes in by their digest; the last changes no result.
_NOT_OF_A_RUN = {
    "regions",
    "benchmarks",
    "conditions",
    "seeds",
    "forget_documents",
    "retain_documents",
    "probe_documents",
    "checkpoint_every",
}

# On a CPU batches pay for small models alone: 240 items of the demo's model of 1.2 million
# parameters took 0.9 core-seconds in batches of 32, 1.6 in score_items' own batches of 4.
_SMALL, _CHOICES_AT_ONCE = 20_000_000, 32


def fingerprint_of_unlearned_adapter(study: Study, lake: Lake, partition_key: str) -> Fingerprint:
    """From the model, the run's documents with their texts, the settings and the seed."""
    run = _planned(lake, partition_key)
    digests = _row_of(lake, "unlearning_set_digests", partition_key)
    return Fingerprint.of(
        "unlearned_adapter",
        model=model_source(study, lake.home).digest,
        dtype=study.model.dtype,
        attention=study.model.attention,
        settings=unlearning_section(study).model_dump(mode="json", exclude=_NOT_OF_A_RUN),
        seed=run["seed"],
        n_forget=digests["n_forget"],
        forget_digest=digests["forget_digest"],
        documents=digest_of(_documents_of(lake, run).drop("text").rows()),
    )


def fingerprint_of_unlearning_runs(study: Study, lake: Lake, partition_key: str) -> Fingerprint:
    """From the adapter and from what the base model's predictions are made from."""
    predictions = fingerprint_of_item_predictions(study, lake)
    return Fingerprint.of(
        "unlearning_runs",
        partition_key=partition_key,
        adapter=fingerprint_of_unlearned_adapter(study, lake, partition_key).digest,
        predictions=predictions.digest,
    )


def make_unlearning_run(study: Study, lake: Lake, partition_key: str) -> list[Outcome]:
    """Train one run's adapter, or keep it, score all items with it and write the run's facts.

    `unlearning_runs` is written last: while it is missing or stale, the run is not done. An
    adapter that is there already is evaluated without training. Details of `unlearning_runs`:
    steps, stop_reason, losses. Raises FactError for a partition that is not in the plan,
    HealthError when losses are not finite; other partitions are not touched.
    """
    wanted = fingerprint_of_unlearning_runs(study, lake, partition_key)
    fingerprints = {fact: Fingerprint(fact, wanted.parts) for fact in FACTS}
    if all(lake.is_current(print_, partition_key) for print_ in fingerprints.values()):
        return [lake.reused(print_, partition_key) for print_ in fingerprints.values()]
    run = _planned(lake, partition_key)
    trained, predictions = _train_and_score(study, lake, run)
    frames = {
        "unlearned_predictions": predictions,
        "unlearning_steps": _steps_frame(partition_key, trained),
        "unlearning_runs": _run_frame(study, lake, run, trained),
    }
    for fact, frame in frames.items():
        lake.write(fact, frame, fingerprints[fact], partition_key)
    details = frames["unlearning_runs"].select(
        "steps", "stop_reason", "forget_loss_before", "forget_loss_after", "utility_after"
    )
    return [
        Outcome(fact, frame.height, False, details.row(0, named=True) if fact == FACTS[-1] else {})
        for fact, frame in frames.items()
    ]


@dataclass(frozen=True)
class _Base:
    """The untouched model on its device, with its tokenizer."""

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"


@lru_cache(maxsize=1)
def _base(study: Study, home: Home, digest: str) -> _Base:
    # The digest only keys the cache: a model that is trained anew is loaded anew.
    import torch

    model: Any = load_model(study, home)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return _Base(model.to(device), load_tokenizer(study, home))


def _train_and_score(
    study: Study, lake: Lake, run: dict[str, Any]
) -> tuple["Trained", pl.DataFrame]:
    from influence_warehouse.unlearning.adapters import Adapter, adapter_folder

    key = run["partition_key"]
    fingerprint = fingerprint_of_unlearned_adapter(study, lake, key)
    adapter = Adapter(adapter_folder(lake.home, key), fingerprint)
    base = _base(study, lake.home, model_source(study, lake.home).digest)
    model, trained = _adapted(study, lake, run, adapter, base)
    try:
        metrics = {benchmark.name: benchmark.metric for benchmark in study.benchmarks}
        unlearned: Any = model.get_base_model()
        items = lake.read("benchmark_items")
        size = _CHOICES_AT_ONCE if unlearned.num_parameters() < _SMALL else None
        return trained, score_items(unlearned, base.tokenizer, items, metrics, key, size)
    finally:
        model.unload()


def _adapted(
    study: Study, lake: Lake, run: dict[str, Any], adapter: "Adapter", base: _Base
) -> tuple["PeftModel", "Trained"]:
    """The base with the run's adapter, loaded where it is there already, trained where not."""
    from influence_warehouse.unlearning.adapters import load_adapter, save_adapter
    from influence_warehouse.unlearning.training import train, with_adapter

    kept = adapter.trained()
    if kept is not None:
        return load_adapter(base.model, adapter), kept
    settings = unlearning_section(study)
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


def _run_data(study: Study, lake: Lake, run: dict[str, Any], base: _Base) -> "RunData":
    from influence_warehouse.unlearning.training import RunData

    documents = _documents_of(lake, run)
    tokenizer, longest = base.tokenizer, unlearning_section(study).max_tokens

    def encoded(role: str) -> list[Encoded]:
        return encode_documents(documents.filter(role=role)["text"], tokenizer, longest)

    # Padding carries no loss, so any id will do.
    pad = tokenizer.pad_token_id or 0
    return RunData(encoded("forget"), encoded("retain"), encoded("probe"), pad)


def _documents_of(lake: Lake, run: dict[str, Any]) -> pl.DataFrame:
    """role, doc_id, content_sha256 and text of the run's documents, by role and doc_id."""
    forget = lake.scan("forget_sets").filter(partition_key=run["partition_key"])
    retain = lake.scan("retain_sets").filter(seed=run["seed"])
    members = pl.concat([part.select("role", "doc_id") for part in (forget, retain)]).collect()
    wanted = pl.col("doc_id").is_in(members["doc_id"].to_list())
    texts = lake.scan("documents").filter(wanted).select("doc_id", "content_sha256", "text")
    return members.join(texts.collect(), on="doc_id").sort("role", "doc_id")


def _planned(lake: Lake, partition_key: str) -> dict[str, Any]:
    return _row_of(lake, "unlearning_plan", partition_key)


def _row_of(lake: Lake, fact: str, partition_key: str) -> dict[str, Any]:
    rows = lake.read(fact).filter(partition_key=partition_key)
    if rows.is_empty():
        raise FactError(
            f"{lake.path(fact)}: no run {partition_key!r}. "
            "Remedy: run the study again; the plan follows from marts.chosen_bins."
        )
    return rows.row(0, named=True)


def _steps_frame(run_id: str, trained: "Trained") -> pl.DataFrame:
    columns = [name for name in CONTRACTS["unlearning_steps"].columns if name != "run_id"]
    return pl.DataFrame(trained.measured).select(columns).with_columns(run_id=pl.lit(run_id))


def _run_frame(study: Study, lake: Lake, run: dict[str, Any], trained: "Trained") -> pl.DataFrame:
    first, last = trained.measured[0], trained.measured[-1]
    digests = _row_of(lake, "unlearning_set_digests", run["partition_key"])
    row = {
        "run_id": run["partition_key"],
        **{name: run[name] for name in ("benchmark", "condition", "region_kind", "topic", "seed")},
        "objective": unlearning_section(study).objective,
        "forget_digest": digests["forget_digest"],
        "n_forget": digests["n_forget"],
        "steps": int(last["step"]),
        "stop_reason": trained.stop_reason,
        "learning_rate": last["learning_rate"],
    }
    for name in ("forget_loss", "retain_loss", "utility"):
        row |= {f"{name}_before": first[name], f"{name}_after": last[name]}
    return pl.DataFrame([row])
