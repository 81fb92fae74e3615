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
from influence_warehouse.retraining.grading import (
    cluster_variance,
    noise_freedom,
    training_noise,
)
from influence_warehouse.retraining.outcomes import (
    LEAVE_OUT,
    OUTCOMES,
    Answers,
    Subsets,
    base_runs,
    finished_runs,
    moved_apart,
    read_answers,
    repeated_runs,
    subsets_of,
)
from influence_warehouse.sampling.regions import Region
from influence_warehouse.warehouse.estimate import Estimate

FACT = "region_effect_inference"
_NOT_REPEATED = (
    "neither base and a region nor two regions were trained again by one seed: what chance moves "
    "is not known"
)


@dataclass(frozen=True)
class Trainings:
    """Outcomes of one benchmark's items by the trainings that an effect is of, [runs, items].

    `without` are the trainings without the region, `paired` those with nothing left out by the
    same seeds. `apart` says what chance does: as of `outcomes.moved_apart`, [repeats, items] of
    each other seed, over the base and the regions that were repeated.
    """

    paired: np.ndarray
    without: np.ndarray
    apart: list[np.ndarray]
    clusters: np.ndarray


def effect_of(runs: Trainings) -> Estimate:
    """Mean over items of the base's outcome minus that without the region, with its error.

    Parts of the error: another training (`training_part`), other items (`item_part`). No parts
    where chance of training is not known.
    """
    value = float(_differences(runs).mean())
    of_training, of_items = training_part(runs), item_part(runs)
    if of_training is None:
        return Estimate(value)
    return Estimate(value, (of_training, of_items) if of_items else (of_training,))


def training_part(runs: Trainings) -> tuple[float, float] | None:
    """Variance of the effect over seeds and its degrees of freedom; None where nothing shows it.

    Trainings of one seed begin alike and move together, which cancels in an effect: so the
    variance is of what another seed changed in the benchmark's mean, over what was repeated.
    """
    noise = training_noise([group.mean(axis=1, keepdims=True) for group in runs.apart])
    if noise is None:
        return None
    variance, freedom = noise
    return float(variance.item()) * _trainings_share(runs), float(freedom)


def item_part(runs: Trainings) -> tuple[float, float] | None:
    """Variance of the effect over sources of items and its degrees of freedom; None of one source.

    What chance of training moves items apart is in `training_part` already, and is taken off.
    """
    variance = cluster_variance(_differences(runs), runs.clusters)
    if variance is None:
        return None
    freedom = noise_freedom(runs.apart)
    if freedom:
        moved = np.concatenate([group - group.mean(axis=0) for group in runs.apart])
        chance = [cluster_variance(each, runs.clusters) or 0.0 for each in moved]
        variance -= sum(chance) / freedom / 2 * _trainings_share(runs)
    return max(variance, 0.0), len(np.unique(runs.clusters)) - 1.0


def _trainings_share(runs: Trainings) -> float:
    return 1 / len(runs.paired) + 1 / len(runs.without)


def _differences(runs: Trainings) -> np.ndarray:
    return runs.paired.mean(axis=0) - runs.without.mean(axis=0)


def make_region_effects(task: Task) -> list[Made]:
    """Effects of every region that one model was trained without, on every benchmark."""
    plan = finished_runs(task.study, task.lake, task.key)
    return [Made(FACT, region_effects(task.lake, plan, task.study.training_seed))]


def region_effects(lake: Lake, plan: pl.DataFrame, own_seed: int) -> pl.DataFrame:
    """Rows of the fact from the rows of a model's plan that are done.

    Regions whose base by the training's own seed is not done have none.
    """
    answers = read_answers(lake, plan["run_id"].to_list())
    rows = [
        row
        for subsets in subsets_of(plan, own_seed)
        if subsets.design == LEAVE_OUT
        for row in _rows(plan, subsets, answers, own_seed)
    ]
    return pl.DataFrame(rows, schema=CONTRACTS[FACT].columns)


def _rows(
    plan: pl.DataFrame, subsets: Subsets, answers: list[Answers], own_seed: int
) -> Iterator[dict[str, Any]]:
    base = {int(plan["seed"][place]): place for place in base_runs(plan)}
    if own_seed not in base:
        return
    repeated = repeated_runs(plan, LEAVE_OUT, subsets.unit, own_seed)
    apart = {
        (asked.benchmark, outcome): moved_apart(asked.values[outcome], repeated)
        for asked in answers
        for outcome in OUTCOMES
    }
    for name, every in zip(subsets.names, subsets.runs, strict=True):
        runs = [run for run in every if plan["seed"][run] in base]
        paired = [base[int(plan["seed"][run])] for run in runs]
        for asked in answers:
            for outcome in OUTCOMES:
                values = asked.values[outcome]
                chance = apart[asked.benchmark, outcome]
                trainings = Trainings(values[paired], values[runs], chance, asked.clusters)
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
        "n_asked_items": runs.without.shape[1],
        "n_clusters": len(np.unique(runs.clusters)),
        "n_trainings": len(runs.without),
        "n_repeats": noise_freedom(runs.apart),
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
        "unknown_reason": None if is_known else _NOT_REPEATED,
    }


def _root(part: tuple[float, float] | None) -> float | None:
    return None if part is None else float(np.sqrt(part[0]))
