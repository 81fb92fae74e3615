"""The planned unlearning runs: the fact `unlearning_plan`.

A run has the id `model|method|objective|benchmark|condition|region|set|seed`:
a choice of regions is that of one method on one model. The global conditions' region is `all`.
Belongs here: the plan. Does not belong here: what a region is (`sampling.regions`), the rule that
chose the regions (dbt), the documents (sets).
"""

from itertools import product
from typing import Any

import polars as pl

from influence_warehouse.errors import InputError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import MAX_KEY_BYTES
from influence_warehouse.pipeline.parts import unlearned_cells
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.sampling.bins import WEBORGANIZER, Labels, labels_of
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.study import Study
from influence_warehouse.study.unlearning import Unlearning
from influence_warehouse.warehouse.build import read_built

# What chooses regions, as errors name it.
CHOSEN_BY = "unlearning.regions, marts.chosen_bins"


def unlearning_section(study: Study) -> Unlearning:
    """The study's section. Raises InputError when it has none."""
    if study.unlearning is None:
        raise InputError(
            f"study {study.name}: no section `unlearning`. Remedy: add one; see docs/unlearning.md."
        )
    return study.unlearning


def target_benchmarks(study: Study) -> list[str]:
    """Benchmarks that regions are chosen for: the section's, or all of the study."""
    return list(unlearning_section(study).benchmarks or [b.name for b in study.benchmarks])


def identity_of_unlearning_plan(study: Study, lake: Lake, cell: Part) -> dict[str, Any]:
    """The method's chosen regions, not their scores, and objectives, conditions and seeds.

    Raises WarehouseError when the marts are not built.
    """
    settings = unlearning_section(study)
    chosen = read_built(lake.home, "chosen_bins")
    regions = _chosen_regions(study, chosen, labels_of(study, lake))
    return {
        "objectives": sorted(settings.objectives),
        "regions": digest_of([(benchmark, region.name) for benchmark, region in regions]),
        "conditions": sorted(settings.conditions),
        "seeds": sorted(settings.seeds),
        "random_sets": settings.random_sets,
    }


def make_unlearning_plan(task: Task) -> list[Made]:
    """One method's plan from marts.chosen_bins as they are built. Details: runs per condition.

    Raises InputError for a region outside the taxonomy.
    """
    chosen = read_built(task.lake.home, "chosen_bins")
    plan = plan_runs(task.study, chosen, labels_of(task.study, task.lake))
    counts = dict(plan["condition"].value_counts().sort("condition").iter_rows())
    return [Made("unlearning_plan", plan, counts)]


def plan_runs(study: Study, chosen: pl.DataFrame, known: Labels = WEBORGANIZER) -> pl.DataFrame:
    """Rows of `unlearning_plan` for the chosen regions, of a study narrowed to one method.

    `chosen` has columns study, model, method, benchmark, topic, format; rows of other studies,
    models, methods and benchmarks are left out. In-topic conditions run in each region, global
    ones once per benchmark, each of their sets once per seed and objective. Raises InputError for a
    region outside `known`, and for labels too long to name a run.
    """
    settings = unlearning_section(study)
    regions = _chosen_regions(study, chosen, known)
    rows = {}
    for objective, (benchmark, region) in product(settings.objectives, regions):
        head = (study.model.name, study.method.name, objective)
        for condition in settings.conditions:
            place = Region() if condition.endswith("_global") else region
            for number, seed in product(settings.sets_of(condition), settings.seeds):
                key = "|".join((*head, benchmark, condition, place.name, str(number), str(seed)))
                _require_short(key, region)
                row = (key, *head, benchmark, condition, place.kind, place.name, number, seed)
                rows[key] = row
    return pl.DataFrame(
        list(rows.values()), schema=CONTRACTS["unlearning_plan"].columns, orient="row"
    )


def _require_short(key: str, region: Region) -> None:
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InputError(
            f"{key}: names an unlearning run by more than {MAX_KEY_BYTES} bytes, which no file "
            f"can be called. Remedy: shorter labels than {region.topic!r} and {region.format!r} "
            "in the columns of corpus.columns, or other regions (unlearning.regions)."
        )


def planned_runs(study: Study, lake: Lake) -> list[str]:
    """Ids of the planned runs, in order. Raises FactError where a method has no plan."""
    plans = lake.read_parts("unlearning_plan", unlearned_cells(study))
    return plans["run_id"].to_list()


def _chosen_regions(study: Study, chosen: pl.DataFrame, known: Labels) -> list[tuple[str, Region]]:
    """Benchmark and region of each row that concerns this study, each once, in order."""
    ours = chosen.filter(
        pl.col("study") == study.name,
        pl.col("model") == study.model.name,
        pl.col("method") == study.method.name,
        pl.col("benchmark").is_in(target_benchmarks(study)),
    )
    rows = set(ours.select("benchmark", "topic", "format").iter_rows())
    regions = [
        (benchmark, Region.chosen(topic, format, known, CHOSEN_BY))
        for benchmark, topic, format in rows
    ]
    return sorted(regions, key=lambda chosen: (chosen[0], chosen[1].name))
