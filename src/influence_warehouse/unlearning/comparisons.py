"""What the runs came to: the facts `unlearning_outcomes` and `unlearning_comparisons`.

Belongs here: which runs are done, and their damage on their own target, given to the paired
tests. Does not belong here: the tests themselves (paired_tests) and the damage that analysts
read (dbt), which starts from the same predictions.
"""

from typing import Any

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.records import failure_of
from influence_warehouse.pipeline.parts import model_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.paired_tests import paired_tests
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
    """The state of every run, what its predictions are made from, and the bootstrap."""
    outcomes = run_outcomes(study, lake, cell)
    # A run that is done is what its file says; another one has no part in the tests.
    done = outcomes.filter(state="done")["run_id"]
    return {
        "outcomes": [list(row) for row in outcomes.iter_rows()],
        "predictions": digest_of({key: lake.require(PREDICTIONS, key).digest for key in done}),
        "objective": unlearning_section(study).objective,
        "resamples": study.statistics.resamples,
        "seed": study.seed,
    }


def make_unlearning_comparisons(task: Task) -> list[Made]:
    """Both facts of a method from its runs that are done. Details: runs per state."""
    study, lake, cell = task.study, task.lake, task.key
    outcomes = run_outcomes(study, lake, cell)
    damage = target_damage(lake, cell, outcomes)
    tests = paired_tests(damage, study.seed, study.statistics.resamples).with_columns(
        model=pl.lit(study.model.name),
        method=pl.lit(study.method.name),
        objective=pl.lit(unlearning_section(study).objective),
    )
    states = dict(outcomes["state"].value_counts().sort("state").iter_rows())
    return [
        Made("unlearning_comparisons", tests),
        Made("unlearning_outcomes", outcomes, states),
    ]


def target_damage(lake: Lake, cell: Part, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Damage of each finished run on each item of its own benchmark, in long form.

    Columns benchmark, condition, region, seed, item_id, measure (accuracy | margin), damage: the
    base model's value minus the unlearned one's.
    """
    done = outcomes.filter(state="done")["run_id"].to_list()
    plan = lake.read("unlearning_plan", cell).rename({"topic": "region"})
    base = lake.read("item_predictions", model_of(cell)).select(
        "benchmark", "item_id", before="is_correct", margin_before="correct_logprob_margin"
    )
    key = ["benchmark", "condition", "region", "seed", "item_id"]
    return (
        lake.read_parts(PREDICTIONS, done)
        .join(plan, on=["run_id", "benchmark"])
        .join(base, on=["benchmark", "item_id"])
        .select(
            *key,
            accuracy=(pl.col("before").cast(pl.Int32) - pl.col("is_correct").cast(pl.Int32)).cast(
                pl.Float64
            ),
            margin=pl.col("margin_before") - pl.col("correct_logprob_margin"),
        )
        .unpivot(on=["accuracy", "margin"], index=key, variable_name="measure", value_name="damage")
    )
