"""The fact `region_rules`: by which rule the warehouse chooses the regions to forget.

Belongs here: the study's rule as rows that dbt reads. Does not belong here: applying it
(marts.chosen_bins) and the runs that follow from the choice (plan).
"""

from typing import Any

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.parts import unlearned_cells
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.sampling.bins import WEBORGANIZER, Labels, labels_of
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.plan import CHOSEN_BY, target_benchmarks, unlearning_section


def identity_of_region_rules(study: Study, lake: Lake) -> dict[str, Any]:
    """The study's rule and its target benchmarks."""
    return {
        "study": study.name,
        "cells": unlearned_cells(study),
        "rule": unlearning_section(study).regions.model_dump(mode="json"),
        "benchmarks": target_benchmarks(study),
    }


def make_region_rules(task: Task) -> list[Made]:
    """One row per method and target benchmark, or per region of an explicit list.

    Raises InputError for a listed region outside the taxonomy.
    """
    return [Made("region_rules", rule_rows(task.study, labels_of(task.study, task.lake)))]


def rule_rows(study: Study, known: Labels = WEBORGANIZER) -> pl.DataFrame:
    """Rows of `region_rules`. Raises InputError for a listed region outside the taxonomy."""
    rule = unlearning_section(study).regions
    listed = [(region.benchmark, region.topic, region.format) for region in rule.explicit]
    for _, topic, format in listed:
        Region.chosen(topic, format, known, CHOSEN_BY)
    rows = listed or [(benchmark, None, None) for benchmark in target_benchmarks(study)]
    choice = (rule.rule, rule.per_benchmark, rule.max_q, rule.min_methods)
    return pl.DataFrame(
        [
            (study.name, *cell.split("|"), position, benchmark, *choice, *region)
            for cell in unlearned_cells(study)
            for position, (benchmark, *region) in enumerate(rows)
        ],
        schema=CONTRACTS["region_rules"].columns,
        orient="row",
    )
