"""The planned trainings: the fact `retraining_plan`.

A run has the id `model|design|unit|subset|seed`. The base leaves nothing out, once by the seed of
the training itself and once by each of `retraining.seeds`; every subset is trained by the
training's own seed, so that it differs from the base by what it leaves out alone. Of each design
and unit `retraining.repeated_subsets` are trained again by another seed. A leave-out's subset is a
region's name, a half's a number from 1.
Which subsets settings may be tuned on follows from the study's seed: of each design and unit the
first by a keyed hash, `retraining.tuning_share` of them.
Belongs here: which subsets there are, and who is in them by unit. Does not belong here: their
documents (`sets`).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from influence_warehouse.errors import InputError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.layout import MAX_KEY_BYTES
from influence_warehouse.pipeline.parts import models
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.sampling.bins import labels_of
from influence_warehouse.sampling.regions import ALL, Region
from influence_warehouse.study.retraining import Retraining
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.build import query_built

# Columns of the manifest that a unit of regions is made of.
_LABELS = {"topic": ["topic"], "format": ["format"], "bin": ["topic", "format"]}

# Design, unit and subset.
Subset = tuple[str, str, str]


def retraining_section(study: Study) -> Retraining:
    """The study's section. Raises InputError when it has none."""
    if study.retraining is None:
        raise InputError(
            f"study {study.name}: no section `retraining`. Remedy: add one; see docs/retraining.md."
        )
    return study.retraining


def identity_of_retraining_plan(study: Study, lake: Lake, model: Part) -> dict[str, Any]:
    """Seeds and designs, and the regions that the study's SQL chooses now."""
    settings = retraining_section(study)
    designs = {"leave_out", "halves", "buckets", "seeds", "repeated_subsets", "tuning_share"}
    return {
        "seed": study.seed,
        "training_seed": study.training_seed,
        "designs": settings.model_dump(mode="json", include=designs),
        "sql": sql_regions(study, lake),
    }


def make_retraining_plan(task: Task) -> list[Made]:
    """One model's plan. Details: runs by design and unit.

    Raises InputError for regions of the SQL that the taxonomy has not, and where too few regions
    are sampled to draw halves of.
    """
    study, lake = task.study, task.lake
    plan = plan_runs(study, members_by_unit(study, lake), sql_regions(study, lake))
    counts = plan.group_by("design", "unit").len().sort("design", "unit")
    details = {f"{design} {unit}": n for design, unit, n in counts.iter_rows()}
    return [Made("retraining_plan", plan, details)]


def plan_runs(
    study: Study, members: dict[str, list[str]], chosen: Sequence[str] = ()
) -> pl.DataFrame:
    """Rows of `retraining_plan` of a study narrowed to one model.

    `members`: by unit (topic, format, bin, bucket) the regions that are sampled, or the buckets;
    `chosen`: the names of regions that SQL chose. Raises InputError for a unit of fewer than two,
    and for labels too long to name a run.
    """
    settings = retraining_section(study)
    left_out = {unit.removesuffix("s"): members[unit.removesuffix("s")]
                for unit in settings.leave_out}  # fmt: skip
    if settings.sql is not None:
        left_out["sql"] = list(chosen)
    subsets: list[Subset] = [
        ("leave_out", unit, name) for unit, names in left_out.items() for name in names
    ]
    for unit, count in settings.halves.counts().items():
        _require_divisible(unit, members[unit])
        subsets += [("halves", unit, str(number)) for number in range(1, count + 1)]
    tuning = _tuning(subsets, study.seed, settings.tuning_share)
    own = study.training_seed
    rows = [_row(study, ("base", ALL, ALL), seed, "grading") for seed in (own, *settings.seeds)]
    repeats = _repeats(subsets, study.seed, settings)
    rows += [
        _row(study, subset, seed, "tuning" if subset in tuning else "grading")
        for subset in subsets
        for seed in (own, *repeats.get(subset, ()))
    ]
    return pl.DataFrame(rows, schema=CONTRACTS["retraining_plan"].columns, orient="row")


def half_of(members: Iterable[str], seed: int, unit: str, number: str) -> list[str]:
    """Half of the members, rounded down: the first by a hash of the seed, unit and number."""
    ordered = sorted(members, key=lambda member: _hash(seed, "half", unit, number, member))
    return sorted(ordered[: len(ordered) // 2])


def members_by_unit(study: Study, lake: Lake) -> dict[str, list[str]]:
    """By unit the names of its regions that are sampled, sorted, and the numbers of buckets."""
    manifest = lake.read("sampling_manifest", columns=["topic", "format"])
    found = {
        unit: sorted(
            Region(**{label: row[label] for label in labels}).name
            for row in manifest.select(labels).unique().iter_rows(named=True)
        )
        for unit, labels in _LABELS.items()
    }
    return found | {"bucket": [str(n) for n in range(retraining_section(study).buckets)]}


def sql_regions(study: Study, lake: Lake) -> list[str]:
    """Names of the regions that the study's SQL chooses, sorted; none without SQL.

    Raises WarehouseError when the marts are not built, or the SQL cannot be run on them, and
    InputError for a region outside the taxonomy and columns that are missing.
    """
    sql = retraining_section(study).sql
    if sql is None:
        return []
    rows = query_built(lake.home, sql, "retraining.sql")
    if missing := {"topic", "format"} - {*rows.columns}:
        raise InputError(
            f"retraining.sql: gives no column {' and '.join(sorted(missing))}. Remedy: select "
            "both, null where the region does not fix it."
        )
    known = labels_of(study, lake)
    pairs = rows.select("topic", "format").unique().iter_rows()
    return sorted(
        Region.chosen(topic, format, known, "retraining.sql").name for topic, format in pairs
    )


def planned_runs(study: Study, lake: Lake) -> list[str]:
    """Ids of the planned runs, in order, the base first. Raises FactError: a model has no plan."""
    return lake.read_parts("retraining_plan", models(study))["run_id"].to_list()


def _tuning(subsets: Sequence[Subset], seed: int, share: float) -> set[Subset]:
    """Of each design and unit the subsets that settings may be tuned on."""
    chosen: set[Subset] = set()
    for group in _shuffled_groups(subsets, seed, "role"):
        chosen |= {*group[: round(share * len(group))]}
    return chosen


def _repeats(
    subsets: Sequence[Subset], seed: int, settings: Retraining
) -> dict[Subset, tuple[int, ...]]:
    """The other seed of each subset that is repeated, the seeds dealt out evenly, in order."""
    count, seeds = settings.repeated_subsets, settings.seeds
    return {
        subset: (seeds[place * len(seeds) // count],)
        for group in _shuffled_groups(subsets, seed, "repeat")
        for place, subset in enumerate(group[:count])
    }


def _shuffled_groups(subsets: Sequence[Subset], seed: int, draw: str) -> Iterator[list[Subset]]:
    """The subsets of each design and unit, in an order that follows from the seed."""
    for group in dict.fromkeys(subset[:2] for subset in subsets):
        own = [subset for subset in subsets if subset[:2] == group]
        yield sorted(own, key=lambda subset: _hash(seed, draw, *subset))


def _row(study: Study, subset: Subset, seed: int, role: str) -> tuple[object, ...]:
    run_id = "|".join((study.model.name, *subset, str(seed)))
    if len(run_id.encode()) > MAX_KEY_BYTES:
        raise InputError(
            f"{run_id}: names a run by more than {MAX_KEY_BYTES} bytes, which no file can be "
            "called. Remedy: shorter labels in the columns of corpus.columns, or other regions "
            "(retraining.leave_out)."
        )
    return run_id, study.model.name, *subset, seed, role


def _require_divisible(unit: str, members: Sequence[str]) -> None:
    if len(members) < 2:
        raise InputError(
            f"retraining.halves.{unit}s: {len(members)} of them are sampled, so there are no "
            "halves. Remedy: leave it out."
        )


def _hash(*parts: object) -> str:
    return hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()
