"""How long the steps of a run take beside each other, without measuring anything.

Constants are those of one run of the demo and one of `webtext` on one core. They only divide a
run into shares, so that its own pace says how much time is left; `influence check` measures.
"""

from pathlib import Path

from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.parts import cells, unlearned_cells
from influence_warehouse.pipeline.side_by_side import most_processes
from influence_warehouse.planning.plan import retraining_runs, training_steps, unlearning_runs
from influence_warehouse.planning.workload import (
    fit_limits,
    gradient_cells,
    gradient_passes,
    mean_limits,
    state_cells,
)
from influence_warehouse.planted.training import BATCH_DOCUMENTS
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import bins

_PLANTED_PARAMETERS, _UNKNOWN_PARAMETERS = 1.2e6, 1e9
# A document's gradient: what every call costs, and what grows with parameters x tokens.
_GRADIENT, _PER_PARAMETER_TOKEN = 0.015, 2.2e-11
_USUAL_TOKENS, _USUAL_ITEMS = 150, 200
_TRAINING_STEP, _UNLEARNING_RUN, _RETRAINING_RUN, _WORDS = 0.18, 2.0, 1.0, 3.0
_SIDE_BY_SIDE = {
    "make_method_preparation",
    "make_document_scores",
    "unlearning",
    "retraining",
}
_TABLES, _UNLEARNING_TABLES, _CHARTS, _REPORT = 60.0, 25.0, 40.0, 10.0


def step_weights(study: Study, lake: Lake) -> dict[str, float]:
    """Name of each step that takes long -> seconds of one core, roughly.

    Facts that are there say how many documents, items and runs there are; else the study does.
    """
    gradient = _seconds_a_gradient(study)
    documents, items = _documents(study, lake), _items(study, lake)
    models, passes = len(study.models), len(gradient_cells(study))
    fitted = sum(_fitted(limit, documents, _bins(lake)) for limit in fit_limits(study))
    averaged = sum(_fitted(limit, documents, _bins(lake)) for limit in mean_limits(study))
    scored = 8 * study.sampling.shards + documents * gradient
    # A forward pass is a third of a gradient's work.
    reads, state = len(state_cells(study)), gradient / 3
    read = 2 * study.sampling.shards + documents * state
    found = {
        "make_item_predictions": models * (5 + items * gradient),
        "make_gradient_diagnosis": models * (3 + 8 * study.attribution.health_trials * gradient),
        "make_method_preparation": models * (10 + fitted * gradient + averaged * state)
        + passes * items * gradient,
        "make_query_index": passes * (2 + items * gradient) + reads * (2 + items * state),
        "make_document_scores": gradient_passes(study) * scored
        + reads * read
        + _WORDS * len(cells(study)),
        "make_inference": 3.0 * len(cells(study)),
        "dbt_models": _TABLES,
        "charts": _CHARTS,
        "report": _REPORT,
    }
    if study.planted is not None:
        steps = study.planted.documents / BATCH_DOCUMENTS * study.planted.epochs
        found["make_planted_model"] = steps * _TRAINING_STEP
        if study.planted.checkpoints:
            found["make_training_checkpoints"] = steps * _TRAINING_STEP
    if study.unlearning is not None:
        steps = study.unlearning.stops.steps * study.unlearning.batch_documents
        each = _UNLEARNING_RUN + 2 * steps * gradient + items * state
        found["unlearning"] = _runs(study, lake) * each
        found["unlearning_models"] = _UNLEARNING_TABLES
    if study.retraining is not None:
        each = _retraining_seconds(study, documents, gradient) + items * state
        runs = retraining_runs(study, study.retraining, _bins(lake))
        found["retraining"] = runs * (_RETRAINING_RUN + each)
        found["retraining_models"] = _UNLEARNING_TABLES
    if study.planted is not None:  # a small model's parts are made by a process a core
        for step in _SIDE_BY_SIDE & found.keys():
            found[step] /= most_processes()
    return found


def _retraining_seconds(study: Study, documents: float, gradient: float) -> float:
    """Of one training, on all documents of a planted world or on those that are sampled."""
    if study.planted is not None:
        return training_steps(study, study.planted.documents) * _TRAINING_STEP
    continued = study.retraining.continued if study.retraining else None
    size = continued.batch_documents if continued else 1
    return training_steps(study, int(documents)) * size * gradient


def _seconds_a_gradient(study: Study) -> float:
    parameters = _UNKNOWN_PARAMETERS
    if study.planted is not None:
        parameters = _PLANTED_PARAMETERS
    elif study.model.path is not None:
        parameters = sum(file.stat().st_size for file in _weights(study.model.path)) / 4
    tokens = min(study.model.max_tokens, _USUAL_TOKENS)
    return _GRADIENT + _PER_PARAMETER_TOKEN * parameters * tokens


def _weights(folder: Path) -> list[Path]:
    return list(folder.glob("*.safetensors"))


def _documents(study: Study, lake: Lake) -> float:
    if rows := _rows(lake, "sampling_manifest"):
        return rows
    most = _bins(lake) * study.sampling.documents_per_bin
    limits = [study.sampling.max_documents, study.planted and study.planted.documents]
    return min([most, *(limit for limit in limits if limit)])


def _items(study: Study, lake: Lake) -> float:
    if rows := _rows(lake, "benchmark_items"):
        return rows
    if study.planted is not None:
        return study.planted.items_per_benchmark * len(study.benchmarks)
    return sum(benchmark.max_items or _USUAL_ITEMS for benchmark in study.benchmarks)


def _fitted(limit: int | None, documents: float, n_bins: int) -> float:
    return documents if limit is None else min(documents, limit * n_bins)


def _bins(lake: Lake) -> int:
    """WebOrganizer's, too, where labels are the study's own and not read yet."""
    return _rows(lake, "bin_populations") or len(bins())


def _runs(study: Study, lake: Lake) -> float:
    assert study.unlearning is not None
    planned = unlearned_cells(study)
    if all(lake.is_readable("unlearning_plan", cell) for cell in planned):
        return sum(lake.rows("unlearning_plan", cell) for cell in planned)
    return unlearning_runs(study, study.unlearning) or len(study.unlearning.seeds)


def _rows(lake: Lake, fact: str) -> int:
    return lake.rows(fact) if lake.is_readable(fact) else 0
