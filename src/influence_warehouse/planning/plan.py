"""The plan: a study's counts times this machine's rates, stage by stage, with disk and memory.

Belongs here: arithmetic. Does not belong here: counting (`workload`), timing (`probe`).
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from influence_warehouse.pipeline.parts import cells, unlearned_cells
from influence_warehouse.planning.probe import Rates
from influence_warehouse.planning.workload import (
    Workload,
    fit_limits,
    gradient_cells,
    gradient_passes,
    mean_limits,
    state_cells,
)
from influence_warehouse.study.methods import Lissa, OfGradients, Source, Trak
from influence_warehouse.study.retraining import Retraining
from influence_warehouse.study.study import Study
from influence_warehouse.study.unlearning import Unlearning
from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.unlearning.plan import target_benchmarks

# Of zstd Parquet that finished studies wrote, bytes a row.
_ROW_BYTES = {"bin_item_scores": 26, "proponents": 9, "document_scores": 14}
_BUCKET_ROW_BYTES = 11
# Of memory a resampled mean, measured; those of all, right and wrong items together.
_RESAMPLED_BYTES = 100
_SUMMED_BYTES = 4 * 8
# Forward with its derivative, and backward.
_GRADIENTS_A_PRODUCT = 2
_TEXT_SHARE = 0.45  # of documents.parquet, to the texts' own bytes
# What hardly depends on the study: dbt's marts, charts, Great Expectations, Dagster's start.
_MARTS_SECONDS, _CHARTS_SECONDS = 60.0, 45.0
_SECONDS_A_RESAMPLED_MEAN = 1e-6
_DATABASE_BYTES, _REPORT_BYTES = 200 << 20, 60 << 20
# The diagnosis computes a pair's gradients alone and padded, without projection, in two
# configurations, each with a model of its own.
_DIAGNOSED_GRADIENTS, _DIAGNOSED_LOADS = 8, 3


@dataclass(frozen=True)
class StageCost:
    """Seconds of one stage's steps, and what they are made of. `is_measured`: by the probe.

    `left` is the share that is not made yet.
    """

    stage: str
    work: str
    seconds: float
    is_measured: bool = True
    left: float = 1.0


@dataclass(frozen=True)
class Plan:
    """What a study will take. `stages` is empty where nothing could be timed, `missing` why."""

    load: Workload
    rates: Rates | None
    stages: list[StageCost]
    disk: dict[str, int]
    memory_bytes: int | None
    missing: str | None

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def seconds_left(self) -> float:
        return sum(stage.left * stage.seconds for stage in self.stages)

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values, without the texts that were sampled."""
        counts = {
            name: value
            for name, value in vars(self.load).items()
            if name not in ("texts", "items", "read_seconds")
        }
        return {
            "workload": counts,
            "rates": None if self.rates is None else asdict(self.rates),
            "stages": [asdict(stage) for stage in self.stages],
            "seconds": self.seconds if self.stages else None,
            "seconds_left": self.seconds_left if self.stages else None,
            "disk_bytes": self.disk,
            "memory_bytes": self.memory_bytes,
            "not_estimated": self.missing,
        }


def plan(
    study: Study,
    load: Workload,
    rates: Rates | None,
    missing: str | None,
    left: dict[str, float] | None = None,
) -> Plan:
    """Times, disk and memory; times only with `rates`. `left`: shares of stages not made yet."""
    disk = dict(_disk(study, load, rates))
    if rates is None:
        return Plan(load, None, [], disk, None, missing)
    stages = [
        replace(stage, left=(left or {}).get(stage.stage, 1.0))
        for stage in _stages(study, load, rates)
    ]
    return Plan(load, rates, stages, disk, _memory(study, load, rates), None)


def unlearning_runs(study: Study, settings: Unlearning) -> int | None:
    """How many runs the choice can lead to at most; None where SQL decides."""
    rule = settings.regions
    if rule.rule == "sql":
        return None
    targets = len(target_benchmarks(study))
    regions = len(rule.explicit) or targets * rule.per_benchmark
    sets = sum(
        (targets if condition.endswith("_global") else regions) * len(settings.sets_of(condition))
        for condition in settings.conditions
    )
    of_each = len(settings.seeds) * len(settings.objectives) * len(unlearned_cells(study))
    return sets * of_each


def retraining_runs(study: Study, settings: Retraining, bins: int) -> int:
    """How many trainings the designs ask for at most, of `bins` bins; those that SQL adds are not
    counted."""
    regions = {"topics": min(len(TOPICS), bins), "formats": min(len(FORMATS), bins), "bins": bins}
    groups = [regions[unit] for unit in settings.leave_out] + [*settings.halves.counts().values()]
    repeats = sum(min(settings.repeated_subsets, group) for group in groups)
    return (1 + len(settings.seeds) + sum(groups) + repeats) * len(study.models)


def training_steps(study: Study, documents: int) -> int:
    """Optimizer steps of one training on so many documents."""
    if study.planted is not None:
        from influence_warehouse.planted.training import BATCH_DOCUMENTS

        return -(-documents // BATCH_DOCUMENTS) * study.planted.epochs
    continued = study.retraining.continued if study.retraining else None
    assert continued is not None
    steps = -(-documents // continued.batch_documents) * continued.epochs
    return min(steps, continued.steps or steps)


def _stages(study: Study, load: Workload, rates: Rates) -> Iterator[StageCost]:
    yield StageCost("start", "Python, libraries", rates.imports)
    if study.planted is not None:
        steps = training_steps(study, load.documents)
        yield StageCost("planted model", f"{steps:,} training steps", steps * rates.training_step)
        if study.planted.checkpoints:
            yield StageCost("checkpoints", f"{steps:,} steps again", steps * rates.training_step)
    reading = load.read_seconds + load.text_bytes * rates.text_byte
    yield StageCost("corpus", f"{load.documents:,} documents", reading)
    asked = len(study.models) * (rates.load + rates.item_fixed + load.n_items * rates.item)
    yield StageCost("predictions", _of_models(study, f"{load.n_items:,} items"), asked)
    yield from _attribution(study, load, rates)
    resampled = _resampled(study, load)
    marts = 1 + (study.unlearning is not None) + (study.retraining is not None)
    seconds = marts * _MARTS_SECONDS + resampled * _SECONDS_A_RESAMPLED_MEAN
    work = f"marts, {resampled:,} resampled means"
    yield StageCost("warehouse", work, seconds, is_measured=False)
    yield StageCost("reports", "charts", _CHARTS_SECONDS, is_measured=False)
    if study.unlearning is not None:
        yield from _unlearning(study, study.unlearning, load, rates)
    if study.retraining is not None:
        yield from _retraining(study, study.retraining, load, rates)


def _attribution(study: Study, load: Workload, rates: Rates) -> Iterator[StageCost]:
    """Of methods by gradients and by hidden states; words, own vectors and noise take seconds.
    Further models: as the first."""
    models, passes, reads = len(study.models), len(gradient_cells(study)), len(state_cells(study))
    scored = gradient_passes(study)
    if passes:
        trials = study.attribution.health_trials
        gradients = trials * _DIAGNOSED_GRADIENTS * rates.gradient_document
        work = _of_models(study, f"{trials} pairs of documents")
        yield StageCost("diagnosis", work, models * (_DIAGNOSED_LOADS * rates.load + gradients))
    if passes or mean_limits(study):
        work = f"{load.fitted + load.averaged:,} documents, {load.n_items:,} queries"
        yield StageCost("preparation", _of_models(study, work), _preparing(study, load, rates))
    if passes or reads:
        indexing = passes * (rates.query_fixed + load.n_items * rates.query)
        indexing += reads * (rates.load + load.n_items * rates.state_query)
        yield StageCost("query index", _of_models(study, f"{load.n_items:,} queries"), indexing)
        shards = study.sampling.shards
        once = rates.load + rates.score_fixed + shards * rates.shard_fixed
        scoring = scored * (once + load.sampled * rates.gradient_document)
        # Checkpoints that a method follows are loaded again for each shard.
        scoring += (scored - passes) * (shards - 1) * rates.load
        scoring += reads * (shards * rates.load + load.sampled * rates.state_document)
        each = f"{load.sampled:,} documents in {shards} shards"
        work = each if scored + reads == 1 else f"{scored + reads} x {each}"
        yield StageCost("scores", work, scoring)
    if products := models * load.n_items * _products(study):
        series = products * _GRADIENTS_A_PRODUCT * rates.gradient_document
        yield StageCost("LiSSA", f"{products:,} products of documents", series, is_measured=False)


def _preparing(study: Study, load: Workload, rates: Rates) -> float:
    """Seconds of the preconditioners, and of the means of hidden states."""
    queries = load.n_items * rates.query
    fitting = len(gradient_cells(study)) * (rates.gradient_fixed + rates.mix_fixed + queries)
    fitting += len(study.models) * load.fitted * rates.gradient_document
    means = len(mean_limits(study)) * rates.load + load.averaged * rates.state_document
    return fitting + len(study.models) * means


def _products(study: Study) -> int:
    """Products over documents that LiSSA takes for a query."""
    lissas = [m for m in study.attribution.methods if isinstance(m, Lissa)]
    return sum(m.depth * m.repeats * m.batch_documents for m in lissas)


def _index_bytes(study: Study, rates: Rates) -> int:
    """Of one query in the indices of all methods by gradients of all models."""
    methods = [m for m in study.attribution.methods if isinstance(m, OfGradients)]
    return len(study.models) * sum(_gradient_bytes(method, rates) for method in methods)


def _stored_bytes(study: Study, rates: Rates) -> int:
    """Of one document's gradients that are kept, once for all methods that share them."""
    methods = [m for m in study.attribution.methods if isinstance(m, OfGradients)]
    shared = {
        (isinstance(method, Trak), _gradient_bytes(method, rates))
        for method in methods
        if getattr(method, "store_gradients", False)
    }
    return len(study.models) * sum(size for _, size in shared)


def _gradient_bytes(method: OfGradients, rates: Rates) -> int:
    if isinstance(method, Source):
        return method.segments * rates.whole_gradient_bytes
    if method.is_whole:
        return rates.whole_gradient_bytes
    dim: int = getattr(method, "projection_dim", 0)
    if isinstance(method, Trak):
        return 4 * dim
    return rates.gradient_bytes * dim**2 // max(1, rates.projection_dim) ** 2


def _of_models(study: Study, work: str) -> str:
    return work if len(study.models) == 1 else f"{len(study.models)} models x {work}"


def _resampled(study: Study, load: Workload) -> int:
    """Bin means that are drawn."""
    benchmarks = len(study.benchmarks) * len(cells(study))
    return study.statistics.resamples * load.bins * benchmarks


def _unlearning(
    study: Study, settings: Unlearning, load: Workload, rates: Rates
) -> Iterator[StageCost]:
    runs = unlearning_runs(study, settings)
    if runs is None:
        return
    steps = settings.stops.steps
    measured = steps // settings.eval_every + 1
    # A loss needs no backward pass: a fifth of what a pair of documents takes with one.
    losses = measured * (settings.forget_documents + settings.probe_documents) / 5
    pairs = steps * settings.batch_documents + losses
    each = rates.unlearning_fixed + pairs * rates.unlearning_pair
    yield StageCost("unlearning", f"{runs:,} runs of {steps} steps at most", runs * each)
    answers = runs * (rates.item_fixed + load.n_items * rates.unlearned_item)
    yield StageCost("unlearned answers", f"{runs:,} runs x {load.n_items:,} items", answers)


def _retraining(
    study: Study, settings: Retraining, load: Workload, rates: Rates
) -> Iterator[StageCost]:
    """Of a planted world all documents are trained on, of another those that are sampled."""
    runs = retraining_runs(study, settings, load.bins)
    steps = training_steps(study, load.documents if study.planted else load.sampled)
    each = rates.load + steps * rates.training_step
    yield StageCost("retraining", f"{runs:,} runs of {steps:,} steps at most", runs * each)
    answers = runs * (rates.item_fixed + load.n_items * rates.unlearned_item)
    yield StageCost("retrained answers", f"{runs:,} runs x {load.n_items:,} items", answers)


def _disk(study: Study, load: Workload, rates: Rates | None) -> Iterator[tuple[str, int]]:
    """Bytes by fact or folder, largest share of what a run leaves behind."""
    shards, methods = study.sampling.shards, len(cells(study))
    sums = methods * load.n_items * min(load.bins, load.sampled)
    extremes = methods * load.n_items * 2 * study.attribution.top_k
    scores = methods * load.sampled * len(study.benchmarks)
    yield "documents", round(load.text_bytes * _TEXT_SHARE)
    yield "document_scores", scores * _ROW_BYTES["document_scores"]
    yield "bin_item_scores", sums * 2 * _ROW_BYTES["bin_item_scores"]
    if study.retraining is not None:
        buckets = methods * load.n_items * study.retraining.buckets
        yield "bucket_item_scores", buckets * (shards + 1) * _BUCKET_ROW_BYTES
    yield "proponents", extremes * (shards + 1) * _ROW_BYTES["proponents"]
    yield "databases", _DATABASE_BYTES
    yield "charts and reports", _REPORT_BYTES
    if load.vector_bytes:
        yield "copies of embeddings (safe to delete)", len(study.models) * load.vector_bytes
    if rates is not None:
        passes = len(gradient_cells(study))
        index = load.n_items * _index_bytes(study, rates)
        states = len(state_cells(study)) * load.n_items * rates.state_bytes
        yield "work (safe to delete)", passes * rates.preconditioner_bytes + index + states
        if stored := _stored_bytes(study, rates):
            yield "stored gradients", load.sampled * stored
        if study.unlearning is not None:
            runs = unlearning_runs(study, study.unlearning) or 0
            yield "adapters", runs * rates.adapter_bytes
        if study.planted is not None and study.planted.checkpoints:
            yield "checkpoints", study.planted.checkpoints * rates.checkpoint_bytes


def _memory(study: Study, load: Workload, rates: Rates) -> int:
    """Peak of one process: what the probe reached, plus a shard's scores and the texts it holds."""
    per_shard = load.sampled / study.sampling.shards
    fitted = load.fitted / max(1, len(fit_limits(study)))
    held = max(per_shard, fitted) / max(load.documents, 1) * load.text_bytes
    resampled = study.statistics.resamples * load.bins * len(study.benchmarks)
    # Of a shard's scores sums by bin; of queries, whole gradients as read and as corrected.
    sums = load.n_items * min(load.bins, per_shard) * _SUMMED_BYTES
    whole = any(isinstance(m, OfGradients) and m.is_whole for m in study.attribution.methods)
    queries = 2 * load.n_items * rates.whole_gradient_bytes if whole else 0
    return round(rates.peak_bytes + sums + queries + held + resampled * _RESAMPLED_BYTES)
