"""What retrained models answer, as arrays: the truth that methods are graded by.

Outcomes of an item are the margin of the right answer and the log-likelihood of it, in nats;
whether the answer is right changes in few runs, so it grades nothing. Belongs here: which runs are
done, what they left out, and their outcomes. Does not belong here: scores of methods (`quality`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.retraining.runs import PREDICTIONS, is_done
from influence_warehouse.study.study import Study

BASE, LEAVE_OUT = "base", "leave_out"
GRADING, TUNING = "grading", "tuning"
OUTCOMES = ("margin", "answer_logprob")


@dataclass(frozen=True)
class Answers:
    """What every run answers on one benchmark.

    `values[outcome]` is float64 [runs, items]; items come by id, `clusters` int [items] are equal
    where items share a source.
    """

    benchmark: str
    item_ids: list[str]
    clusters: np.ndarray
    values: dict[str, np.ndarray]


@dataclass(frozen=True)
class Subsets:
    """Subsets of one design and unit that serve one role, and which runs each was trained in.

    `runs[i]` are positions of the i-th subset's runs, one a seed: that by the seed of the training
    itself first, then repeats.
    """

    design: str
    unit: str
    role: str
    names: list[str]
    runs: list[list[int]]

    def __len__(self) -> int:
        return len(self.names)

    def outcome(self, values: np.ndarray) -> np.ndarray:
        """Of values [runs, items] those by the training's own seed, [subsets, items].

        A mean over the seeds of the few subsets that have several would tell these from the others
        by what the seed does.
        """
        return values[[runs[0] for runs in self.runs]]


def finished_runs(study: Study, lake: Lake, model: Part) -> pl.DataFrame:
    """Rows of one model's plan that are done; a run that is not is one subset or seed less."""
    plan = lake.read("retraining_plan", model)
    done = [is_done(study, lake, run) for run in plan["run_id"]]
    return plan.filter(pl.Series(done, dtype=pl.Boolean))


def identity_of_outcomes(study: Study, lake: Lake, model: Part) -> dict[str, Any]:
    """The runs that are done, each with what its predictions are made from."""
    done = finished_runs(study, lake, model)["run_id"]
    return {"runs": {run: lake.require(PREDICTIONS, run).digest for run in done}}


def read_answers(lake: Lake, runs: Sequence[str]) -> list[Answers]:
    """Outcomes of these runs, one `Answers` a benchmark by name, runs in the given order.

    Raises FactError where a run has not answered every item.
    """
    items = lake.read(
        "benchmark_items", columns=["benchmark", "item_id", "cluster", "answer_index"]
    )
    rows = lake.read_parts(PREDICTIONS, runs).join(items, on=["benchmark", "item_id"])
    place = pl.DataFrame({"run_id": runs}, schema={"run_id": pl.String}).with_row_index("place")
    rows = rows.join(place, on="run_id").select(
        "benchmark",
        "place",
        "item_id",
        margin="correct_logprob_margin",
        answer_logprob=pl.col("choice_logprobs").list.get(pl.col("answer_index")),
    )
    return [
        _answers(str(name), own.sort("item_id"), rows.filter(benchmark=name), runs)
        for (name,), own in items.sort("benchmark").group_by("benchmark", maintain_order=True)
    ]


def _answers(
    benchmark: str, items: pl.DataFrame, rows: pl.DataFrame, runs: Sequence[str]
) -> Answers:
    shape = len(runs), len(items)
    if len(rows) != shape[0] * shape[1]:
        raise FactError(
            f"{PREDICTIONS}: {len(rows)} answers on benchmark {benchmark!r}, where {shape[0]} runs "
            f"and {shape[1]} items make {shape[0] * shape[1]}. Remedy: run the stage retraining "
            "again."
        )
    rows = rows.sort("place", "item_id")
    values = {name: rows[name].to_numpy().reshape(shape) for name in OUTCOMES}
    _, clusters = np.unique(items["cluster"].to_numpy(), return_inverse=True)
    return Answers(benchmark, items["item_id"].to_list(), clusters, values)


def subsets_of(plan: pl.DataFrame, own_seed: int) -> Iterator[Subsets]:
    """The subsets of a plan's rows, by design, unit and role; the base is none of them.

    Nor is a subset whose run by the training's own seed is not among the rows.
    """
    rows = plan.with_row_index("place").filter(pl.col("design") != BASE)
    is_repeat = pl.col("seed") != own_seed
    rows = rows.filter((~is_repeat).any().over("design", "unit", "subset"))
    key = ["design", "unit", "role"]
    for (design, unit, role), group in rows.sort(*key, "subset", is_repeat, "seed").group_by(
        key, maintain_order=True
    ):
        runs = group.group_by("subset", maintain_order=True).agg("place")
        yield Subsets(
            *(str(design), str(unit), str(role)), runs["subset"].to_list(), runs["place"].to_list()
        )


def base_runs(plan: pl.DataFrame) -> list[int]:
    """Positions of the base's runs in a plan's rows, one a seed."""
    return plan.with_row_index("place").filter(design=BASE).sort("seed")["place"].to_list()


def repeated_runs(
    plan: pl.DataFrame, design: str, unit: str, own_seed: int
) -> list[tuple[list[int], list[int]]]:
    """By other seed, the runs of what was trained by it, and by the training's own: positions.

    Of the subsets of a design and unit, in whatever role. The base counts among the leave-outs,
    which differ from it by little; a half of the documents is another matter.
    """
    is_of_unit = (pl.col("design") == design) & (pl.col("unit") == unit)
    if design == LEAVE_OUT:
        is_of_unit |= pl.col("design") == BASE
    rows = plan.with_row_index("place").filter(is_of_unit)
    subset = ["design", "unit", "subset"]
    own = rows.filter(seed=own_seed).select(*subset, own="place")
    again = rows.filter(pl.col("seed") != own_seed).join(own, on=subset).sort("seed", *subset)
    return [
        (group["place"].to_list(), group["own"].to_list())
        for _, group in again.group_by("seed", maintain_order=True)
    ]


def moved_apart(
    values: np.ndarray, repeated: Sequence[tuple[list[int], list[int]]]
) -> list[np.ndarray]:
    """Of values [runs, items] what another seed changed, [repeats, items] for each seed.

    What a seed does to every subset alike is in the mean over repeats; how they differ is chance
    that moves subsets apart.
    """
    return [values[again] - values[own] for again, own in repeated]
