"""Whether regions that one method chose hurt more when forgotten than those of another.

Sets are of equal size in all conditions and methods; both methods' runs share their seeds. The
unit is the forget set, as everywhere (`estimates`): what other sets of the same regions would have
done. Does not belong here: what a method's own choice does (inference).
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.pipeline.parts import unlearned_cells
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.comparisons import run_damage
from influence_warehouse.unlearning.estimates import (
    ALL,
    CONTROLS,
    Sets,
    between_methods,
    mean_of,
    over_regions,
    regions_of,
    sets_of,
)
from influence_warehouse.unlearning.inference import checked_runs
from influence_warehouse.unlearning.plan import unlearning_section
from influence_warehouse.warehouse.estimate import Estimate

FACT = "method_damage_inference"
_COUNTS = ("n_regions_a", "n_regions_b", "n_shared_regions", "n_seeds")


def identity_of_method_damage(study: Study, lake: Lake, model: Part) -> dict[str, Any]:
    """Which methods are compared; their runs are inputs."""
    objectives = list(unlearning_section(study).objectives)
    return {"cells": unlearned_cells(study), "objectives": objectives}


def make_method_damage(task: Task) -> list[Made]:
    """Compare every pair of one model's methods whose regions are forgotten; no rows of one."""
    study, lake = task.study, task.lake
    runs = {
        cell.split("|")[1]: run_damage(lake, cell, lake.read("unlearning_outcomes", cell))
        for cell in unlearned_cells(study)
    }
    tables = []
    for objective in unlearning_section(study).objectives:
        own = {name: rows.filter(objective=objective) for name, rows in runs.items()}
        tables.append(method_damage_table(own).with_columns(objective=pl.lit(objective)))
    return [Made(FACT, pl.concat(tables).with_columns(model=pl.lit(task.key)))]


def method_damage_table(runs: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Damage to the target of regions by one method less that of regions by another.

    `runs` has each method's rows of `run_damage`, in the study's order. A row per benchmark that
    both chose regions for, and `all`, the mean over those.
    """
    own = {name: _on_target(rows) for name, rows in runs.items()}
    rows = []
    for a, b in combinations(own, 2):
        for condition in CONTROLS:
            for measure in ("accuracy", "margin"):
                first, second = (own[name].filter(measure=measure) for name in (a, b))
                key = {"condition": condition, "measure": measure, "method_a": a, "method_b": b}
                rows += [key | row for row in _of_pair(first, second, condition)]
    names = [name for name in CONTRACTS[FACT].columns if name not in ("model", "objective")]
    schema = {name: CONTRACTS[FACT].columns[name] for name in names}
    return pl.DataFrame([[row[name] for name in names] for row in rows], schema, orient="row")


def _on_target(runs: pl.DataFrame) -> pl.DataFrame:
    rows = checked_runs(runs).filter(pl.col("benchmark") == pl.col("evaluated_benchmark"))
    return rows.rename({"damage": "value"})


def _of_pair(a: pl.DataFrame, b: pl.DataFrame, condition: str) -> list[dict[str, Any]]:
    rows = []
    found: list[tuple[Estimate, Estimate, Estimate]] = []
    for benchmark in a["benchmark"].unique().sort():
        sides = _with_shared_seeds(a, b, benchmark, condition)
        if sides is None:
            continue
        first, second, n_seeds = sides
        estimates = (
            over_regions(first, condition),
            over_regions(second, condition),
            between_methods(first, second, condition),
        )
        found.append(estimates)
        regions = [{*regions_of(side, condition)} for side in (first, second)]
        counts = (len(regions[0]), len(regions[1]), len(regions[0] & regions[1]), n_seeds)
        rows.append(_row(benchmark, counts, estimates))
    if found:
        means = tuple(mean_of(each) for each in zip(*found, strict=True))
        totals = [sum(row[name] for row in rows) for name in _COUNTS[:3]]
        counts = (totals[0], totals[1], totals[2], min(row["n_seeds"] for row in rows))
        rows.append(_row(ALL, counts, (means[0], means[1], means[2])))
    return rows


def _with_shared_seeds(
    a: pl.DataFrame, b: pl.DataFrame, benchmark: str, condition: str
) -> tuple[Sets, Sets, int] | None:
    """Both methods' sets for a benchmark by the seeds that both ran; None where there are none."""
    sides = [rows.filter(benchmark=benchmark) for rows in (a, b)]
    ran = [{*side.filter(condition=condition)["seed"]} for side in sides]
    seeds = sorted(ran[0] & ran[1])
    if not seeds:
        return None
    first, second = (sets_of(side.filter(pl.col("seed").is_in(seeds))) for side in sides)
    return first, second, len(seeds)


def _row(
    benchmark: str,
    counts: tuple[int, int, int, int],
    estimates: tuple[Estimate, Estimate, Estimate],
) -> dict[str, Any]:
    of_a, of_b, difference = estimates
    low, high = difference.interval
    t, p_value = difference.two_sided
    return {
        "benchmark": benchmark,
        **dict(zip(_COUNTS, counts, strict=True)),
        "damage_a": of_a.value,
        "damage_b": of_b.value,
        "difference": difference.value,
        "standard_error": difference.standard_error,
        "degrees_of_freedom": difference.degrees_of_freedom,
        "low": low,
        "high": high,
        "statistic": t,
        "p_value": p_value,
    }
