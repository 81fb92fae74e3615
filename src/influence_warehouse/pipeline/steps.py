"""The steps of a study: which facts each writes, what they need and which function makes them.

One table that orchestration turns into assets and `influence status` reads, so that both
show the same graph. Functions are named, not imported: most load heavy libraries.
Does not belong here: dbt's models, the published copy and charts, which are not facts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.pipeline import parts
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    from influence_warehouse.lake.facts import Lake, Part

_PACKAGE = "influence_warehouse"
_PLANNED_RUNS = "unlearning.plan:planned_runs"
# What a step is in parts by, runs apart, which follow from a fact.
_PARTS: dict[str, Callable[[Study], list[str]]] = {
    "models": parts.models,
    "gradient_models": parts.gradient_models,
    "cells": parts.cells,
    "prepared_cells": parts.prepared_cells,
    "indexed_cells": parts.indexed_cells,
    "shards": parts.shards,
    "unlearned_cells": parts.unlearned_cells,
}


@dataclass(frozen=True)
class Step:
    """One function of a stage that makes one fact or a few in one pass.

    `make` and `fingerprint` are `module:function`; those of a step in parts take the part's key as
    third argument. `parts` says what the parts are; one that is needed by a part of another step
    has a key that begins the other's, or begins with it. `needs` are facts of other steps, or
    marts. `guards` are functions of (study, lake) that raise FactError where what the step reads
    was not checked, or did not pass.
    """

    stage: str
    facts: tuple[str, ...]
    needs: tuple[str, ...]
    make: str
    fingerprint: str
    parts: str | None = None
    guards: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.make.partition(":")[2]

    def run(self, *arguments: Any) -> Any:
        """Call the step's function: (study, lake) or (study, lake, part)."""
        return _function(self.make)(*arguments)

    def require_guarded(self, study: Study, lake: "Lake") -> None:
        """Ask for what Dagster's blocking checks would, where no such gate stands before."""
        for guard in self.guards:
            _function(guard)(study, lake)

    def part_keys(self, study: Study, lake: "Lake") -> Sequence["Part | None"]:
        """All parts of the step, in an order that everyone sees alike; [None] if it has none.

        Raises FactError for unlearning runs that are not planned.
        """
        if self.parts is None:
            return [None]
        if self.parts in _PARTS:
            return _PARTS[self.parts](study)
        return _function(_PLANNED_RUNS)(study, lake)

    @property
    def is_partitioned(self) -> bool:
        """Whether the parts are many and made by workers, each a partition in orchestration."""
        return self.parts in ("shards", "runs")

    def expected(self, *arguments: Any) -> Any:
        """Fingerprint that the step's first fact should have now."""
        return _function(self.fingerprint)(*arguments)


def steps(study: Study) -> list[Step]:
    """All steps of a study, each after those it needs; without those that none of its methods has
    a part in."""
    planted, unlearning = study.planted is not None, study.unlearning is not None
    all_steps = [
        *(_PLANTED if planted else ()),
        *_corpus_to_benchmarks(planted),
        *(_region_rules(study) if unlearning else ()),
        *_ATTRIBUTION,
        *(_UNLEARNING if unlearning else ()),
    ]
    absent = {
        fact
        for step in all_steps
        if step.parts in _PARTS and not _PARTS[step.parts](study)
        for fact in step.facts
    }
    return [
        replace(step, needs=tuple(need for need in step.needs if need not in absent))
        for step in all_steps
        if absent.isdisjoint(step.facts)
    ]


def attributed_facts() -> dict[str, str | None]:
    """Facts of corpus, benchmarks and attribution, with what they are in parts by: what the marts
    of any study start from."""
    made = [*_corpus_to_benchmarks(planted=False), *_ATTRIBUTION]
    return {fact: step.parts for step in made for fact in step.facts if fact in CONTRACTS}


def _function(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    return getattr(import_module(f"{_PACKAGE}.{module}"), name)


_PLANTED = (
    Step(
        "corpus",
        ("planted_documents", "planted_truth"),
        (),
        "planted.world:make_planted_world",
        "planted.world:fingerprint_of_planted_truth",
    ),
    Step(
        "corpus",
        ("planted_model",),
        ("planted_documents",),
        "planted.training:make_planted_model",
        "planted.training:fingerprint_of_planted_model",
    ),
)


def _corpus_to_benchmarks(planted: bool) -> list[Step]:
    source, model = ("planted_documents",), ("planted_model",)
    return [
        Step(
            "corpus",
            ("documents", "documents_set_aside"),
            source + model if planted else ("corpus_source",),
            "corpus.documents:make_documents",
            "corpus.documents:fingerprint_of_documents",
        ),
        Step(
            "sampling",
            ("sampling_manifest", "bin_populations"),
            ("documents",),
            "sampling.manifest:make_sampling_manifest",
            "sampling.manifest:fingerprint_of_sampling_manifest",
        ),
        Step(
            "sampling",
            ("bin_terms", "bin_words"),
            ("documents", "sampling_manifest"),
            "sampling.terms:make_bin_terms",
            "sampling.terms:fingerprint_of_bin_terms",
        ),
        Step(
            "benchmarks",
            ("study_benchmarks", "study_contrasts", "study_methods"),
            (),
            "benchmarks.tables:make_study_definitions",
            "benchmarks.tables:fingerprint_of_study_definitions",
        ),
        Step(
            "benchmarks",
            ("benchmark_items",),
            source if planted else (),
            "benchmarks.tables:make_benchmark_items",
            "benchmarks.tables:fingerprint_of_benchmark_items",
        ),
        Step(
            "benchmarks",
            ("item_predictions",),
            ("benchmark_items", *(model if planted else ())),
            "benchmarks.scoring:make_item_predictions",
            "benchmarks.scoring:fingerprint_of_item_predictions",
            parts="models",
        ),
    ]


def _region_rules(study: Study) -> list[Step]:
    return [
        Step(
            "unlearning",
            ("region_rules",),
            # Listed regions are checked before anything runs, where labels are known before.
            ("bin_populations",) if study.taxonomy == "columns" else (),
            "unlearning.rules:make_region_rules",
            "unlearning.rules:fingerprint_of_region_rules",
        )
    ]


_ATTRIBUTION = (
    Step(
        "attribution",
        ("gradient_diagnosis",),
        ("documents", "sampling_manifest"),
        "attribution.health:make_gradient_diagnosis",
        "attribution.health:fingerprint_of_gradient_diagnosis",
        parts="gradient_models",
    ),
    Step(
        "attribution",
        ("method_preparation",),
        ("documents", "sampling_manifest", "benchmark_items", "gradient_diagnosis"),
        "attribution.scoring:make_method_preparation",
        "attribution.scoring:fingerprint_of_method_preparation",
        parts="prepared_cells",
    ),
    Step(
        "attribution",
        ("query_index",),
        ("benchmark_items", "gradient_diagnosis"),
        "attribution.scoring:make_query_index",
        "attribution.scoring:fingerprint_of_query_index",
        parts="indexed_cells",
    ),
    Step(
        "attribution",
        ("document_scores", "shard_bin_item_scores", "shard_proponents"),
        ("documents", "sampling_manifest", "benchmark_items", "method_preparation", "query_index"),
        "attribution.scoring:make_document_scores",
        "attribution.scoring:fingerprint_of_document_scores",
        parts="shards",
        guards=(
            "sampling.expectations:require_checked_sample",
            "attribution.scoring:require_prepared_methods",
        ),
    ),
    Step(
        "attribution",
        ("attribution_health",),
        ("document_scores",),
        "attribution.health:make_attribution_health",
        "attribution.health:fingerprint_of_attribution_health",
        parts="cells",
    ),
    Step(
        "attribution",
        ("proponents",),
        ("shard_proponents", "attribution_health"),
        "attribution.merging:make_proponents",
        "attribution.merging:fingerprint_of_proponents",
        parts="cells",
    ),
    Step(
        "attribution",
        ("bin_item_scores",),
        ("shard_bin_item_scores", "proponents", "attribution_health"),
        "attribution.merging:make_bin_item_scores",
        "attribution.merging:fingerprint_of_bin_item_scores",
        parts="cells",
    ),
    Step(
        "warehouse",
        ("bin_mean_resamples",),
        ("bin_item_scores", "document_scores", "item_predictions"),
        "warehouse.resamples:make_bin_mean_resamples",
        "warehouse.resamples:fingerprint_of_bin_mean_resamples",
        parts="cells",
    ),
    Step(
        "warehouse",
        ("split_half_correlations",),
        ("bin_item_scores", "document_scores"),
        "warehouse.split_halves:make_split_half_correlations",
        "warehouse.split_halves:fingerprint_of_split_half_correlations",
        parts="cells",
    ),
)

_UNLEARNING = (
    Step(
        "unlearning",
        ("unlearning_plan",),
        ("chosen_bins",),
        "unlearning.plan:make_unlearning_plan",
        "unlearning.plan:fingerprint_of_unlearning_plan",
        parts="unlearned_cells",
    ),
    Step(
        "unlearning",
        ("retain_sets", "unlearning_set_digests", "forget_sets"),
        ("unlearning_plan", "sampling_manifest", "document_scores"),
        "unlearning.sets:make_unlearning_sets",
        "unlearning.sets:fingerprint_of_forget_sets",
        parts="unlearned_cells",
    ),
    Step(
        "unlearning",
        ("unlearned_models", "unlearning_steps", "unlearning_runs"),
        ("documents", "forget_sets", "retain_sets", "unlearning_set_digests"),
        "unlearning.runs:make_unlearned_model",
        "unlearning.runs:fingerprint_of_unlearning_runs",
        parts="runs",
        guards=(
            "sampling.expectations:require_checked_sample",
            "unlearning.expectations:require_checked_sets",
        ),
    ),
    Step(
        "unlearning",
        ("unlearned_predictions",),
        ("unlearned_models", "benchmark_items"),
        "unlearning.runs:make_unlearned_predictions",
        "unlearning.runs:fingerprint_of_unlearned_predictions",
        parts="runs",
    ),
    Step(
        "unlearning",
        ("unlearning_comparisons", "unlearning_outcomes"),
        ("unlearned_predictions", "unlearning_runs", "item_predictions"),
        "unlearning.comparisons:make_unlearning_comparisons",
        "unlearning.comparisons:fingerprint_of_unlearning_comparisons",
        parts="unlearned_cells",
    ),
)
