"""How well each method predicts retraining: `method_quality_inference`, and methods in pairs.

A method's prediction for a subset is the sum of an item's scores over what the subset keeps, from
sums by item and bin, or by item and bucket; scores of single documents are not read. Subsets that
settings may be tuned on are graded apart. Belongs here: which sums meet which outcomes, and the
rows. Does not belong here: the score and its error (`grading`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from influence_warehouse.errors import FactError, InputError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.retraining.grading import (
    LEAST_SUBSETS,
    Grade,
    ceiling,
    difference,
    grade,
    mean_known,
    pooled,
    reliabilities,
    training_noise,
)
from influence_warehouse.retraining.outcomes import (
    GRADING,
    OUTCOMES,
    Answers,
    Subsets,
    finished_runs,
    identity_of_outcomes,
    moved_apart,
    read_answers,
    repeated_runs,
    subsets_of,
)
from influence_warehouse.retraining.plan import retraining_section
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.estimate import Estimate

# In place of a benchmark: the mean over benchmarks.
ALL = "all"
QUALITY, DIFFERENCES = "method_quality_inference", "quality_difference_inference"
_COUNTS = (
    "n_graded_items", "n_items_without_prediction", "n_items_without_outcome", "n_clusters"
)  # fmt: skip
_UNMOVED = "no item's outcome differs between the subsets"
_TRAINED_ONCE = "no two subsets were trained again by one seed: what chance moves is not known"

Key = tuple[str, str]  # benchmark and outcome


@dataclass(frozen=True)
class LeftOut:
    """Which parts each subset leaves out, bool [subsets, parts], and where their sums are.

    Parts are bins or buckets by their numbers, the values of `column` in the fact.
    """

    fact: str
    column: str
    members: np.ndarray


@dataclass(frozen=True)
class Sureness:
    """How sure the truth of one benchmark and outcome is.

    `reliability` and `ceiling` are NaN where nothing moves, or too little was trained again: then
    `repeats`, the degrees of freedom of what is known of chance, is 0.
    """

    reliability: float
    ceiling: float
    repeats: int


def identity_of_method_quality(study: Study, lake: Lake, model: Part) -> dict[str, Any]:
    """The methods in their order, and the runs that are done; scores, sets and items are inputs."""
    methods = [method.name for method in study.attribution.methods]
    return {"methods": methods, **identity_of_outcomes(study, lake, model)}


def make_method_quality(task: Task) -> list[Made]:
    """Grades of every method on one model, and the differences of every pair of methods."""
    plan = finished_runs(task.study, task.lake, task.key)
    tables = quality_tables(task.study, task.lake, plan)
    return [Made(fact, table) for fact, table in tables.items()]


def quality_tables(study: Study, lake: Lake, plan: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Both facts of a study narrowed to one model, from the rows of its plan that are done.

    Raises InputError for a benchmark of the name that stands for all of them, and FactError where
    answers or scores of an item are missing.
    """
    model = study.model.name
    if ALL in [benchmark.name for benchmark in study.benchmarks]:
        raise InputError(
            f"benchmark {ALL!r}: the name stands for all benchmarks together. "
            "Remedy: rename it under benchmarks in the study."
        )
    answers = read_answers(lake, plan["run_id"].to_list())
    every = list(subsets_of(plan, study.training_seed))
    left_out = [left_out_of(study, lake, subsets) for subsets in every]
    sums = kept_sums(study, lake, left_out, answers)
    rows: dict[str, list[dict[str, Any]]] = {QUALITY: [], DIFFERENCES: []}
    for subsets, predicted in zip(every, sums, strict=True):
        place = {"model": model, "design": subsets.design, "unit": subsets.unit}
        grades = grades_of(subsets, answers, predicted)
        repeated = repeated_runs(plan, subsets.design, subsets.unit, study.training_seed)
        surenesses = surenesses_of(subsets, repeated, answers)
        rows[QUALITY] += [place | row for row in _quality_rows(subsets, grades, surenesses)]
        if subsets.role == GRADING:
            rows[DIFFERENCES] += [place | row for row in _difference_rows(subsets, grades)]
    return {
        fact: pl.DataFrame(found, schema=CONTRACTS[fact].columns) for fact, found in rows.items()
    }


def left_out_of(study: Study, lake: Lake, subsets: Subsets) -> LeftOut:
    """What subsets leave out, by bins or by buckets, as the fact `retraining_sets` says."""
    sets = lake.read("retraining_sets", study.model.name).filter(
        design=subsets.design, unit=subsets.unit
    )
    bins = lake.read("bin_populations", columns=["bin_id", "topic", "format"])
    is_bucket = subsets.unit == "bucket"
    n_parts = retraining_section(study).buckets if is_bucket else len(bins)
    members = np.zeros((len(subsets), n_parts), dtype=bool)
    for row, name in enumerate(subsets.names):
        for member in sets.filter(subset=name)["member"]:
            if is_bucket:
                members[row, int(member)] = True
            else:
                inside = bins.filter(Region.parse(member).contains())
                members[row, inside["bin_id"].to_numpy()] = True
    fact, column = ("bucket_item_scores", "bucket") if is_bucket else ("bin_item_scores", "bin_id")
    return LeftOut(fact, column, members)


def kept_sums(
    study: Study, lake: Lake, left_out: Sequence[LeftOut], answers: Sequence[Answers]
) -> list[dict[str, dict[str, np.ndarray]]]:
    """For each entry of `left_out` predictions by method and benchmark, [subsets, items].

    Minus the sum over what is left out: the sum over what is kept but for the sum over all
    documents, which is the same for every subset and ranks nothing.
    """
    sums: list[dict[str, dict[str, np.ndarray]]] = [{} for _ in left_out]
    for fact in sorted({each.fact for each in left_out}):
        places = [place for place, each in enumerate(left_out) if each.fact == fact]
        of = left_out[places[0]]
        for method in study.attribution.methods:
            scores = item_scores(lake, f"{study.model.name}|{method.name}", of, answers)
            for place in places:
                members = left_out[place].members.astype(float)
                sums[place][method.name] = {
                    name: -(members @ values.T) for name, values in scores.items()
                }
    return sums


def item_scores(
    lake: Lake, cell: Part, of: LeftOut, answers: Sequence[Answers]
) -> dict[str, np.ndarray]:
    """One method's sums by item and part, float64 [items, parts], by benchmark.

    Raises FactError where an item that models were asked has no scores, or another has.
    """
    rows = lake.read(of.fact, cell, ["benchmark", "item_id", of.column, "score_sum"])
    scores = {}
    for asked in answers:
        own = rows.filter(benchmark=asked.benchmark)
        if set(own["item_id"]) != set(asked.item_ids):
            raise FactError(
                f"{of.fact} {cell}: items of benchmark {asked.benchmark!r} are not those that "
                "retrained models were asked. Remedy: run the stages attribution and retraining "
                "again."
            )
        places = {item: place for place, item in enumerate(asked.item_ids)}
        item = own["item_id"].replace_strict(places, return_dtype=pl.Int64).to_numpy()
        values = np.zeros((len(asked.item_ids), of.members.shape[1]))
        values[item, own[of.column].to_numpy()] = own["score_sum"].to_numpy()
        scores[asked.benchmark] = values
    return scores


def grades_of(
    subsets: Subsets, answers: Sequence[Answers], predicted: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[Key, dict[str, Grade | None]]:
    """Grades by benchmark and outcome, and then method; `all` is the mean over benchmarks.

    None where there are fewer than `LEAST_SUBSETS`.
    """
    grades: dict[Key, dict[str, Grade | None]] = {}
    is_enough = len(subsets) >= LEAST_SUBSETS
    for outcome in OUTCOMES:
        of_methods: dict[str, list[Grade]] = {method: [] for method in predicted}
        for asked in answers:
            truth = subsets.outcome(asked.values[outcome])
            for method, sums in predicted.items():
                if is_enough:
                    of_methods[method].append(grade(sums[asked.benchmark], truth, asked.clusters))
            grades[asked.benchmark, outcome] = {
                method: found[-1] if is_enough else None for method, found in of_methods.items()
            }
        grades[ALL, outcome] = {
            method: pooled(found) if is_enough else None for method, found in of_methods.items()
        }
    return grades


def surenesses_of(
    subsets: Subsets,
    repeated: Sequence[tuple[list[int], list[int]]],
    answers: Sequence[Answers],
) -> dict[Key, Sureness]:
    """Reliability and ceiling by benchmark and outcome; of `all` the means over benchmarks.

    `repeated`: as of `repeated_runs`.
    """
    found: dict[Key, Sureness] = {}
    for outcome in OUTCOMES:
        for asked in answers:
            values = asked.values[outcome]
            noise = training_noise(moved_apart(values, repeated))
            found[asked.benchmark, outcome] = _sureness(subsets.outcome(values), noise)
        single = [found[asked.benchmark, outcome] for asked in answers]
        found[ALL, outcome] = Sureness(
            float(mean_known(np.array([each.reliability for each in single]))),
            float(mean_known(np.array([each.ceiling for each in single]))),
            single[0].repeats,
        )
    return found


def _sureness(truth: np.ndarray, noise: tuple[np.ndarray, int] | None) -> Sureness:
    if noise is None or len(truth) < LEAST_SUBSETS:
        return Sureness(np.nan, np.nan, 0 if noise is None else noise[1])
    variance, repeats = noise
    found = reliabilities(truth, variance, repeats)
    best = ceiling(found, len(truth))
    return Sureness(float(mean_known(found)), float(mean_known(best)), repeats)


def _quality_rows(
    subsets: Subsets,
    grades: Mapping[Key, Mapping[str, Grade | None]],
    surenesses: Mapping[Key, Sureness],
) -> Iterator[dict[str, Any]]:
    for (benchmark, outcome), of_methods in grades.items():
        sureness = surenesses[benchmark, outcome]
        for method, found in of_methods.items():
            yield {
                "method": method,
                "benchmark": benchmark,
                "outcome": outcome,
                "role": subsets.role,
                "n_subsets": len(subsets),
                **_grade_columns(found, len(subsets)),
                **_sureness_columns(sureness, len(subsets)),
            }


def _grade_columns(found: Grade | None, n_subsets: int) -> dict[str, Any]:
    if found is None:
        return dict.fromkeys(_COUNTS, 0) | {"unknown_reason": _too_few(n_subsets)}
    columns: dict[str, Any] = {name: getattr(found, name) for name in _COUNTS}
    if not np.isfinite(found.lds):
        return columns | {"unknown_reason": _UNMOVED}
    of_items = found.item_variance
    columns |= {
        "lds": found.lds,
        "item_standard_error": None if of_items is None else float(np.sqrt(of_items)),
        **_estimate_columns(found.estimate),
    }
    # Student's interval does not know where correlations end.
    within = {
        name: None if columns[name] is None else min(1.0, max(-1.0, columns[name]))
        for name in ("low", "high")
    }
    return columns | within


def _estimate_columns(estimate: Estimate) -> dict[str, float | None]:
    low, high = estimate.interval
    t, p_value = estimate.two_sided
    return {
        "standard_error": estimate.standard_error,
        "degrees_of_freedom": estimate.degrees_of_freedom,
        "low": low,
        "high": high,
        "statistic": t,
        "p_value": p_value,
    }


def _sureness_columns(sureness: Sureness, n_subsets: int) -> dict[str, Any]:
    columns: dict[str, Any] = {"n_repeats": sureness.repeats}
    if np.isfinite(sureness.reliability):
        return columns | {
            "truth_reliability": sureness.reliability,
            "ceiling": sureness.ceiling,
        }
    few = _too_few(n_subsets) if n_subsets < LEAST_SUBSETS else _UNMOVED
    return columns | {"truth_unknown_reason": few if sureness.repeats else _TRAINED_ONCE}


def _too_few(n_subsets: int) -> str:
    return f"needs {LEAST_SUBSETS} subsets; {n_subsets} are done"


def _difference_rows(
    subsets: Subsets, grades: Mapping[Key, Mapping[str, Grade | None]]
) -> Iterator[dict[str, Any]]:
    for (benchmark, outcome), of_methods in grades.items():
        for a, b in combinations(of_methods, 2):
            first, second = of_methods[a], of_methods[b]
            if first is None or second is None or not np.isfinite(first.lds):
                continue
            estimate = difference(first, second)
            yield {
                "benchmark": benchmark,
                "outcome": outcome,
                "method_a": a,
                "method_b": b,
                "n_subsets": len(subsets),
                "lds_a": first.lds,
                "lds_b": second.lds,
                "difference": estimate.value,
                **_estimate_columns(estimate),
            }
