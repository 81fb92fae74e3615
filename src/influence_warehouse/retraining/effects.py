"""What leaving a region out does to each benchmark: the fact `region_effect_inference`.

An effect is the base's outcome minus that of the model which never saw the region: above 0 the
region supports the benchmark. Belongs here: the effect and its error. Does not belong here: what a
method said of it (dbt, `influence_versus_effect`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.retraining.grading import cluster_variance
from influence_warehouse.retraining.outcomes import (
    LEAVE_OUT,
    OUTCOMES,
    Answers,
    Subsets,
    base_runs,
    finished_runs,
    read_answers,
    subsets_of,
)
from influence_warehouse.sampling.regions import Region
from influence_warehouse.warehouse.estimate import Estimate

FACT = "region_effect_inference"
_ONE_BASE = "the base was trained once: how far chance moves it is not known"


@dataclass(frozen=True)
class Trainings:
    """Outcomes of one benchmark's items by the trainings that an effect is of, [runs, items].

    `base` are all trainings with nothing left out, `paired` those of them with a seed of
    `without`, the trainings without the region; all of them where no seed is shared.
    """

    base: np.ndarray
    paired: np.ndarray
    without: np.ndarray
    clusters: np.ndarray


def effect_of(runs: Trainings) -> Estimate:
    """Mean over items of the base's outcome minus that without the region, with its error.

    Parts of the error: another training (`training_part`), other items (`item_part`). No parts
    where the base was trained once.
    """
    value = float(_differences(runs).mean())
    parts = [part for part in (training_part(runs), item_part(runs)) if part is not None]
    return Estimate(value, tuple(parts) if len(runs.base) > 1 else ())


def training_part(runs: Trainings) -> tuple[float, float] | None:
    """Variance of the effect over seeds and its degrees of freedom; None of one base.

    The spread of the benchmark's mean over the base's seeds stands for that of every training,
    as if trainings were independent. Two of one seed begin alike and may move together: then the
    effect varies less than is said.
    """
    if len(runs.base) < 2:
        return None
    variance = float(runs.base.mean(axis=1).var(ddof=1))
    return variance * _trainings_share(runs), len(runs.base) - 1.0


def item_part(runs: Trainings) -> tuple[float, float] | None:
    """Variance of the effect over sources of items and its degrees of freedom; None of one source.

    What chance of training moves items apart is in `training_part` already, and is taken off.
    """
    variance = cluster_variance(_differences(runs), runs.clusters)
    if variance is None:
        return None
    if len(runs.base) > 1:
        count = len(runs.base)
        moved = runs.base - runs.base.mean(axis=0)
        chance = [cluster_variance(each, runs.clusters) or 0.0 for each in moved]
        variance -= sum(chance) / (count - 1) * _trainings_share(runs)
    return max(variance, 0.0), len(np.unique(runs.clusters)) - 1.0


def _trainings_share(runs: Trainings) -> float:
    return 1 / len(runs.paired) + 1 / len(runs.without)


def _differences(runs: Trainings) -> np.ndarray:
    return runs.paired.mean(axis=0) - runs.without.mean(axis=0)


def make_region_effects(task: Task) -> list[Made]:
    """Effects of every region that one model was trained without, on every benchmark."""
    plan = finished_runs(task.study, task.lake, task.key)
    return [Made(FACT, region_effects(task.lake, plan))]


def region_effects(lake: Lake, plan: pl.DataFrame) -> pl.DataFrame:
    """Rows of the fact from the rows of a model's plan that are done."""
    answers = read_answers(lake, plan["run_id"].to_list())
    rows = [
        row
        for subsets in subsets_of(plan)
        if subsets.design == LEAVE_OUT
        for row in _rows(plan, subsets, answers)
    ]
    return pl.DataFrame(rows, schema=CONTRACTS[FACT].columns)


def _rows(plan: pl.DataFrame, subsets: Subsets, answers: list[Answers]) -> Iterator[dict[str, Any]]:
    every = base_runs(plan)
    if not every:
        return
    for name, runs in zip(subsets.names, subsets.runs, strict=True):
        paired = base_runs(plan, plan["seed"].gather(runs)) or every
        for asked in answers:
            for outcome in OUTCOMES:
                values = asked.values[outcome]
                trainings = Trainings(values[every], values[paired], values[runs], asked.clusters)
                yield {
                    "model": plan["model"][0],
                    "benchmark": asked.benchmark,
                    "unit": subsets.unit,
                    "region": name,
                    "outcome": outcome,
                    "role": subsets.role,
                    "topic": Region.parse(name).topic,
                    "format": Region.parse(name).format,
                    **_columns(trainings),
                }


def _columns(runs: Trainings) -> dict[str, Any]:
    effect = effect_of(runs)
    low, high = effect.interval
    t, p_value = effect.two_sided
    is_known = bool(effect.parts)
    return {
        "n_asked_items": runs.base.shape[1],
        "n_clusters": len(np.unique(runs.clusters)),
        "n_base_trainings": len(runs.base),
        "n_trainings": len(runs.without),
        "base": float(runs.paired.mean()),
        "without": float(runs.without.mean()),
        "effect": effect.value,
        "training_standard_error": _root(training_part(runs)),
        "item_standard_error": _root(item_part(runs)),
        "standard_error": effect.standard_error,
        "degrees_of_freedom": effect.degrees_of_freedom,
        "low": low,
        "high": high,
        "statistic": t,
        "p_value": p_value,
        "unknown_reason": None if is_known else _ONE_BASE,
    }


def _root(part: tuple[float, float] | None) -> float | None:
    return None if part is None else float(np.sqrt(part[0]))
