"""The planned unlearning runs: the fact `unlearning_plan`.

A run has the id `model|method|objective|benchmark|condition|region|set|seed`:
a choice of regions is that of one method on one model. A region's name is `literature` (a topic),
`literature.tutorial` (a bin), `any.tutorial` (a format), or `all` for the global conditions; what
else a label holds than letters, digits and spaces is escaped in it (`own_labels.escaped`).
Belongs here: regions and the plan. Does not belong here: the rule that chose the regions (dbt),
the documents (sets).
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import polars as pl

from influence_warehouse.errors import InputError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.own_labels import escaped, unescaped
from influence_warehouse.pipeline.parts import unlearned_cells
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.sampling.bins import WEBORGANIZER, Labels, labels_of
from influence_warehouse.study.study import Study
from influence_warehouse.study.unlearning import Unlearning
from influence_warehouse.warehouse.build import read_built

ANY = "any"
ALL = "all"
# A run's files are named by its key: file systems take 255 bytes, and facts add their names.
_MAX_KEY_BYTES = 180


@dataclass(frozen=True)
class Region:
    """Documents of one topic, of one format, of both (a bin), or of neither (all)."""

    topic: str | None = None
    format: str | None = None

    @classmethod
    def parse(cls, name: str) -> "Region":
        """The region of a name. Raises InputError for a text that is no region's name."""
        topic, _, format = name.partition(".")
        region = cls(None if topic in (ANY, ALL) else unescaped(topic), unescaped(format) or None)
        if region.name != name:
            raise InputError(f"{name!r} names no region. Remedy: see docs/unlearning.md.")
        return region

    @classmethod
    def chosen(cls, topic: str | None, format: str | None, known: Labels) -> "Region":
        """The region of a choice. Raises InputError unless each is known or absent, and one is."""
        pairs = ((topic, known.topics), (format, known.formats))
        unknown = [label for label, labels in pairs if label is not None and label not in labels]
        if unknown or (topic is None and format is None):
            raise InputError(
                f"topic {topic!r} and format {format!r} are no region of the study's taxonomy"
                f"{f', which has no {unknown[0]!r}' if unknown else ''} "
                f"(unlearning.regions, marts.chosen_bins). Remedy: {known.remedy}."
            )
        return cls(topic, format)

    @property
    def name(self) -> str:
        topic = None if self.topic is None else escaped(self.topic)
        if self.format is not None:
            return f"{topic or ANY}.{escaped(self.format)}"
        return topic or ALL

    @property
    def kind(self) -> str:
        """topic, format, bin or all."""
        if self.topic and self.format:
            return "bin"
        return "topic" if self.topic else "format" if self.format else "all"

    def contains(self) -> pl.Expr:
        """Whether a row with columns topic and format lies in the region."""
        tests = [
            pl.col(column) == slug
            for column, slug in (("topic", self.topic), ("format", self.format))
            if slug is not None
        ]
        return pl.all_horizontal(pl.lit(True), *tests)


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
    """The method's chosen regions, not their scores, and objective, conditions and seeds.

    Raises WarehouseError when the marts are not built.
    """
    settings = unlearning_section(study)
    chosen = read_built(lake.home, "chosen_bins")
    regions = _chosen_regions(study, chosen, labels_of(study, lake))
    return {
        "objective": settings.objective,
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
    ones once per benchmark, each of their sets once per seed. Raises InputError for a region
    outside `known`, and for labels too long to name a run.
    """
    settings = unlearning_section(study)
    head = (study.model.name, study.method.name, settings.objective)
    rows = {}
    for benchmark, region in _chosen_regions(study, chosen, known):
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
    if len(key.encode()) > _MAX_KEY_BYTES:
        raise InputError(
            f"{key}: names an unlearning run by more than {_MAX_KEY_BYTES} bytes, which no file "
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
        (benchmark, Region.chosen(topic, format, known)) for benchmark, topic, format in rows
    ]
    return sorted(regions, key=lambda chosen: (chosen[0], chosen[1].name))
