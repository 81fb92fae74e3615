"""One run of retraining, from what it leaves out to its facts: train, ask, forget the weights.

Facts of a run are files of their own, so runs fail, finish and are retried one by one. The weights
are not kept: the answers are what is compared, and a run can be done again to the bit.
Belongs here: fingerprints and order of a run. Does not belong here: the training (`training`).
"""

from typing import Any

import polars as pl

from influence_warehouse.benchmarks.scoring import score_items
from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.models.loading import load_tokenizer
from influence_warehouse.models.small import choices_at_once, threads_of
from influence_warehouse.models.training import Course, Trained, train
from influence_warehouse.pipeline.identity import is_fact_current
from influence_warehouse.pipeline.parts import model_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.retraining.sets import left_out_documents
from influence_warehouse.retraining.training import (
    course_of,
    identity_of_training,
    start_model,
)
from influence_warehouse.study.study import Study

RUN, PREDICTIONS = "retraining_runs", "retrained_predictions"
# Not its role: that another share is for tuning changes no training.
_PLANNED = ("run_id", "model", "design", "unit", "subset", "seed")


def identity_of_retrained_model(study: Study, lake: Lake, run_id: str) -> dict[str, Any]:
    """The training, its seed, what is left out of it, and how answers are judged."""
    digests = _row_of(lake, "retraining_set_digests", run_id)
    return {
        **identity_of_training(study, lake),
        "seed": _planned(lake, run_id)["seed"],
        "n_left_out": digests["n_left_out"],
        "left_out_digest": digests["left_out_digest"],
        "metrics": _metrics(study),
    }


def is_done(study: Study, lake: Lake, run_id: str) -> bool:
    """Whether both facts of the run are there and made from what is there now."""
    return lake.exists(RUN, run_id) and is_fact_current(study, lake, RUN, run_id)


def make_retrained_model(task: Task) -> list[Made]:
    """Train once without what the run leaves out, and ask the model all items, by lm-eval.

    Details of `retraining_runs`: documents left out, steps, loss. Raises FactError for a run that
    is not in the plan, HealthError when losses are not finite; other runs are not touched.
    """
    study, lake = task.study, task.lake
    run = _planned(lake, task.key)
    left_out = frozenset(left_out_documents(study, lake, run))
    course = course_of(study, lake, run["seed"])
    model = start_model(study, lake, run["seed"])
    trained = train(model, course, left_out, label="retraining")
    with threads_of(model):
        answers = score_items(
            model,
            load_tokenizer(study, lake.home),
            lake.read("benchmark_items"),
            _metrics(study),
            task.key,
            choices_at_once(model),
        )
    row = _run_frame(lake, run, course, trained)
    details = row.select("n_left_out", "steps", "loss").row(0, named=True)
    return [Made(PREDICTIONS, answers.rename({"model": "run_id"})), Made(RUN, row, details)]


def progress_line(lake: Lake, run_id: str) -> str:
    """What a finished run did, in one line."""
    run = lake.read(RUN, run_id).row(0, named=True)
    loss = (
        "no token kept" if run["loss"] is None else f"loss per token at the end {run['loss']:.2f}"
    )
    return f"{run_id}: {run['n_left_out']:,} documents left out, {run['steps']} steps, {loss}"


def _metrics(study: Study) -> dict[str, str]:
    return {benchmark.name: benchmark.metric for benchmark in study.benchmarks}


def _planned(lake: Lake, run_id: str) -> dict[str, Any]:
    return _row_of(lake, "retraining_plan", run_id)


def _row_of(lake: Lake, fact: str, run_id: str) -> dict[str, Any]:
    rows = lake.read(fact, model_of(run_id)).filter(run_id=run_id)
    if rows.is_empty():
        raise FactError(
            f"{lake.path(fact, model_of(run_id))}: no run {run_id!r}. Remedy: run the study "
            "again; the plan follows from its section `retraining`."
        )
    return rows.row(0, named=True)


def _run_frame(lake: Lake, run: dict[str, Any], course: Course, trained: Trained) -> pl.DataFrame:
    digests = _row_of(lake, "retraining_set_digests", run["run_id"])
    row = {
        **{name: run[name] for name in _PLANNED},
        "n_left_out": digests["n_left_out"],
        "left_out_digest": digests["left_out_digest"],
        "steps": len(course.batches),
        "loss": trained.loss,
        "learning_rate": course.recipe.learning_rate,
    }
    return pl.DataFrame([row], schema=CONTRACTS[RUN].columns)
