"""What the runs came to: which are done, and the inference over those that are.

Does not belong here: the estimates themselves (inference) and the damage that analysts read
(dbt), which starts from the same predictions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.records import failure_of
from influence_warehouse.pipeline.parts import model_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.inference import (
    comparison_table,
    damage_table,
    selectivity_table,
)
from influence_warehouse.unlearning.plan import unlearning_section
from influence_warehouse.unlearning.runs import PREDICTIONS, is_done


def run_outcomes(study: Study, lake: Lake, cell: Part) -> pl.DataFrame:
    """Rows of `unlearning_outcomes`: each planned run is done, failed (with its error) or left."""
    rows = []
    for key in lake.read("unlearning_plan", cell)["run_id"]:
        done = is_done(study, lake, key)
        error = None if done else failure_of(lake.home, key)
        rows.append((key, "done" if done else "failed" if error else "left", error))
    return pl.DataFrame(rows, schema=CONTRACTS["unlearning_outcomes"].columns, orient="row")


def identity_of_unlearning_comparisons(study: Study, lake: Lake, cell: Part) -> dict[str, Any]:
    """The state of every run, what its predictions are made from, and the benchmarks' factors."""
    outcomes = run_outcomes(study, lake, cell)
    # A run that is done is what its file says; another one has no part in the tests.
    done = outcomes.filter(state="done")["run_id"]
    return {
        "outcomes": [list(row) for row in outcomes.iter_rows()],
        "predictions": digest_of({key: lake.require(PREDICTIONS, key).digest for key in done}),
        "objectives": list(unlearning_section(study).objectives),
        "factors": [[b.name, b.domain, b.capability] for b in study.benchmarks],
    }


def make_unlearning_comparisons(task: Task) -> list[Made]:
    """The facts of a method from its runs that are done. Details: runs per state."""
    study, lake, cell = task.study, task.lake, task.key
    outcomes = run_outcomes(study, lake, cell)
    runs = run_damage(lake, cell, outcomes)
    relations = benchmark_relations(study)
    objectives = unlearning_section(study).objectives
    tables = {
        "damage_inference": by_objective(runs, objectives, damage_table),
        "selectivity_inference": by_objective(
            runs, objectives, lambda own: selectivity_table(own, relations)
        ),
        "unlearning_comparisons": by_objective(runs, objectives, comparison_table),
    }
    names = {"model": pl.lit(study.model.name), "method": pl.lit(study.method.name)}
    states = dict(outcomes["state"].value_counts().sort("state").iter_rows())
    return [
        *(Made(fact, table.with_columns(**names)) for fact, table in tables.items()),
        Made("unlearning_outcomes", outcomes, states),
    ]


def by_objective(
    runs: pl.DataFrame, objectives: Sequence[str], tell: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    """What `tell` says of each objective's runs alone, with the column objective."""
    tables = [
        tell(runs.filter(objective=name)).with_columns(objective=pl.lit(name))
        for name in objectives
    ]
    return pl.concat(tables)


def benchmark_relations(study: Study) -> dict[tuple[str, str], str]:
    """How the factors of a target and an evaluated benchmark agree, as the marts call it."""
    relations = {}
    for target in study.benchmarks:
        for other in study.benchmarks:
            agree = (target.domain == other.domain, target.capability == other.capability)
            relation = ("crossed", "one_factor", "same_factors")[sum(agree)]
            relations[target.name, other.name] = "target" if other is target else relation
    return relations


def run_damage(lake: Lake, cell: Part, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Mean damage of each finished run over the items of each benchmark, in long form.

    Columns objective, benchmark (the target), condition, region, set_number, seed,
    evaluated_benchmark, measure (accuracy | margin), damage: the base model's value minus the
    unlearned one's.
    """
    done = outcomes.filter(state="done")["run_id"].to_list()
    plan = lake.read("unlearning_plan", cell).rename({"topic": "region"})
    base = lake.read("item_predictions", model_of(cell)).select(
        "benchmark", "item_id", before="is_correct", margin_before="correct_logprob_margin"
    )
    answers = lake.read_parts(PREDICTIONS, done).join(base, on=["benchmark", "item_id"])
    lost = answers.group_by("run_id", evaluated_benchmark="benchmark").agg(
        accuracy=(pl.col("before").cast(pl.Int32) - pl.col("is_correct").cast(pl.Int32)).mean(),
        margin=(pl.col("margin_before") - pl.col("correct_logprob_margin")).mean(),
    )
    key = [
        *("objective", "benchmark", "condition", "region"),
        *("set_number", "seed", "evaluated_benchmark"),
    ]
    return (
        lost.join(plan, on="run_id")
        .unpivot(on=["accuracy", "margin"], index=key, variable_name="measure", value_name="damage")
        .sort(*key, "measure")
    )
