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
from influence_warehouse.study.methods import Source
from influence_warehouse.study.plain_select import READABLE
from influence_warehouse.study.study import Study

if TYPE_CHECKING:
    from influence_warehouse.lake.facts import Lake, Part

_PACKAGE = "influence_warehouse"
# Parts that follow from a stage's plan: runs, each of which fails and is tried again alone.
RUNS = {"runs": "unlearning", "retrainings": "retraining"}
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

    Its identity, which `pipeline.identity` turns into fingerprints: the facts in `inputs`, whole;
    what `identity` says of the study, of files and of parts of facts; `version`, raised by hand
    when a change of code changes what is written; and `libraries`, whose results it writes.
    `needs` are further facts or marts that have to be there first.

    Functions are `module:function`. `make` takes a `Task` and gives a `Made` for each fact;
    `identity` takes (study, lake), of a step in parts (study, lake, part), and gives a mapping;
    `is_made` takes (lake, fingerprint) and says whether a folder that the step writes is whole.
    `parts` says what the parts are; one that is needed by a part of another step has a key that
    begins the other's, or begins with it. `guards` are functions of (study, lake) that raise
    FactError where what the step reads was not checked, or did not pass.
    """

    stage: str
    facts: tuple[str, ...]
    make: str
    inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    identity: str | None = None
    is_made: str | None = None
    parts: str | None = None
    guards: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    version: int = 1

    @property
    def name(self) -> str:
        return self.make.partition(":")[2]

    @property
    def upstream(self) -> tuple[str, ...]:
        """All facts and marts that have to be there first."""
        return self.inputs + self.needs

    def run(self, *arguments: Any) -> Any:
        """Call `make`."""
        return _function(self.make)(*arguments)

    def identify(self, *arguments: Any) -> Any:
        """Call `identity`; of a step whose inputs say everything, an empty mapping."""
        return _function(self.identity)(*arguments) if self.identity else {}

    def has_folder(self, *arguments: Any) -> bool:
        """Call `is_made`; True for a step that writes no folder of its own."""
        return _function(self.is_made)(*arguments) if self.is_made else True

    def require_guarded(self, study: Study, lake: "Lake") -> None:
        """Ask for what Dagster's blocking checks would, where no such gate stands before."""
        for guard in self.guards:
            _function(guard)(study, lake)

    def part_keys(self, study: Study, lake: "Lake") -> Sequence["Part | None"]:
        """All parts of the step, in an order that everyone sees alike; [None] if it has none.

        Raises FactError for runs that are not planned.
        """
        if self.parts is None:
            return [None]
        if self.parts in _PARTS:
            return _PARTS[self.parts](study)
        return planned_runs(self.parts, study, lake)

    @property
    def is_of_runs(self) -> bool:
        """Whether the parts are runs of a plan."""
        return self.parts in RUNS

    @property
    def is_partitioned(self) -> bool:
        """Whether the parts are many and made by workers, each a partition in orchestration."""
        return self.parts == "shards" or self.is_of_runs


def planned_runs(kind: str, study: Study, lake: "Lake") -> list[str]:
    """Ids of the planned runs of a kind, in order. Raises FactError where there is no plan."""
    return _function(f"{RUNS[kind]}.plan:planned_runs")(study, lake)


def is_run_done(kind: str, study: Study, lake: "Lake", run_id: str) -> bool:
    """Whether the run's facts are there and made from what is there now."""
    return _function(f"{RUNS[kind]}.runs:is_done")(study, lake, run_id)


def run_line(kind: str, lake: "Lake", run_id: str) -> str:
    """What a finished run did, in one line."""
    return _function(f"{RUNS[kind]}.runs:progress_line")(lake, run_id)


def steps(study: Study) -> list[Step]:
    """All steps of a study, each after those it needs; without those that none of its methods has
    a part in."""
    planted, unlearning = study.planted is not None, study.unlearning is not None
    all_steps = [
        *(_PLANTED if planted else ()),
        *((_CHECKPOINTS,) if study.planted is not None and study.planted.checkpoints else ()),
        *_corpus_to_benchmarks(planted),
        *((_region_rules(study),) if unlearning else ()),
        *_attribution(study),
        *(_UNLEARNING if unlearning else ()),
        *(_retraining(study) if study.retraining is not None else ()),
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


def step_of(study: Study, fact: str) -> Step:
    """The step that makes a fact. Raises KeyError for one that the study has no step for."""
    return {name: step for step in steps(study) for name in step.facts}[fact]


def attributed_facts() -> dict[str, str | None]:
    """Facts of corpus, benchmarks and attribution, with what they are in parts by: what the marts
    of any study start from."""
    makers = [*_corpus_to_benchmarks(planted=False), *_ATTRIBUTION]
    return {fact: step.parts for step in makers for fact in step.facts if fact in CONTRACTS}


def _function(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    return getattr(import_module(f"{_PACKAGE}.{module}"), name)


_PLANTED = (
    Step(
        "corpus",
        ("planted_documents", "planted_truth"),
        "planted.world:make_planted_world",
        identity="planted.world:identity_of_planted_world",
        is_made="planted.world:is_planted_world_made",
        version=2,
    ),
    Step(
        "corpus",
        ("planted_model", "training_batches"),
        "planted.training:make_planted_model",
        needs=("planted_documents",),
        identity="planted.training:identity_of_planted_model",
        is_made="planted.training:is_planted_model_made",
        libraries=("tokenizers", "torch", "transformers"),
    ),
)


_CHECKPOINTS = Step(
    "corpus",
    ("training_checkpoints",),
    "planted.checkpoints:make_training_checkpoints",
    inputs=("training_batches",),
    needs=("planted_documents", "planted_model"),
    identity="planted.checkpoints:identity_of_training_checkpoints",
    is_made="planted.checkpoints:are_checkpoints_made",
    libraries=("torch", "transformers"),
)


def _corpus_to_benchmarks(planted: bool) -> list[Step]:
    source, model = ("planted_documents",), ("planted_model",)
    return [
        Step(
            "corpus",
            ("documents", "documents_set_aside"),
            "corpus.documents:make_documents",
            needs=source + model if planted else ("corpus_source",),
            identity="corpus.documents:identity_of_documents",
            libraries=("tokenizers",),
            version=2,
        ),
        Step(
            "sampling",
            ("sampling_manifest", "bin_populations"),
            "sampling.manifest:make_sampling_manifest",
            inputs=("documents",),
            identity="sampling.manifest:identity_of_sampling_manifest",
        ),
        Step(
            "sampling",
            ("bin_terms", "bin_words"),
            "sampling.terms:make_bin_terms",
            inputs=("documents", "sampling_manifest"),
            identity="sampling.terms:identity_of_bin_terms",
            libraries=("duckdb",),
        ),
        Step(
            "benchmarks",
            ("study_benchmarks", "study_contrasts", "study_labels", "study_methods"),
            "benchmarks.tables:make_study_definitions",
            identity="benchmarks.tables:study_definitions",
            version=4,
        ),
        Step(
            "benchmarks",
            ("benchmark_items",),
            "benchmarks.tables:make_benchmark_items",
            needs=source if planted else (),
            identity="benchmarks.tables:identity_of_benchmark_items",
            version=2,
        ),
        Step(
            "benchmarks",
            ("item_predictions",),
            "benchmarks.scoring:make_item_predictions",
            inputs=("benchmark_items",),
            needs=model if planted else (),
            identity="benchmarks.scoring:identity_of_item_predictions",
            parts="models",
            libraries=("lm-eval", "transformers"),
        ),
    ]


def _region_rules(study: Study) -> Step:
    return Step(
        "unlearning",
        ("region_rules",),
        "unlearning.rules:make_region_rules",
        # Listed regions are checked before anything runs, where labels are known before.
        inputs=("bin_populations",) if study.taxonomy == "columns" else (),
        identity="unlearning.rules:identity_of_region_rules",
        version=2,
    )


def _attribution(study: Study) -> list[Step]:
    """Where models are retrained, scores are summed by the documents' buckets, too."""
    attribution = _after_checkpoints(study)
    if study.retraining is None:
        return attribution
    by_bucket = Step(
        "attribution",
        ("bucket_item_scores",),
        "attribution.merging:make_bucket_item_scores",
        inputs=("shard_bucket_item_scores",),
        needs=("attribution_health",),
        parts="cells",
    )
    return [
        replace(step, facts=("shard_bucket_item_scores", *step.facts))
        if step.parts == "shards"
        else step
        for step in (*attribution, by_bucket)
    ]


def _after_checkpoints(study: Study) -> list[Step]:
    """What methods that follow the planted training are prepared with, and score with."""
    methods = study.attribution.methods
    if not any(isinstance(m, Source) and m.checkpoints is None for m in methods):
        return [*_ATTRIBUTION]
    reading = ("method_preparation", "document_scores")
    return [
        replace(step, needs=(*step.needs, "training_checkpoints"))
        if {*step.facts} & {*reading}
        else step
        for step in _ATTRIBUTION
    ]


_ATTRIBUTION = (
    Step(
        "attribution",
        ("gradient_diagnosis",),
        "attribution.health:make_gradient_diagnosis",
        inputs=("sampling_manifest",),
        needs=("documents",),
        identity="attribution.health:identity_of_gradient_diagnosis",
        parts="gradient_models",
        libraries=("bergson", "transformers"),
    ),
    Step(
        "attribution",
        ("method_preparation",),
        "attribution.scoring:make_method_preparation",
        needs=("documents", "sampling_manifest", "benchmark_items", "gradient_diagnosis"),
        identity="attribution.scoring:identity_of_method_preparation",
        is_made="attribution.scoring:is_folder_made",
        parts="prepared_cells",
    ),
    Step(
        "attribution",
        ("query_index",),
        "attribution.scoring:make_query_index",
        needs=("benchmark_items", "gradient_diagnosis"),
        identity="attribution.scoring:identity_of_query_index",
        is_made="attribution.scoring:is_folder_made",
        parts="indexed_cells",
    ),
    Step(
        "attribution",
        # While `document_scores`, written last, is missing or stale, the shard is not done.
        ("shard_bin_item_scores", "shard_proponents", "document_scores"),
        "attribution.scoring:make_document_scores",
        needs=(
            "documents",
            "sampling_manifest",
            "benchmark_items",
            "method_preparation",
            "query_index",
        ),
        identity="attribution.scoring:identity_of_document_scores",
        parts="shards",
        version=3,
        guards=("sampling.expectations:require_checked_sample",),
    ),
    Step(
        "attribution",
        ("attribution_health",),
        "attribution.health:make_attribution_health",
        inputs=("document_scores",),
        parts="cells",
    ),
    Step(
        "attribution",
        ("proponents",),
        "attribution.merging:make_proponents",
        inputs=("shard_proponents",),
        needs=("attribution_health",),
        parts="cells",
    ),
    Step(
        "attribution",
        ("bin_item_scores",),
        "attribution.merging:make_bin_item_scores",
        inputs=("shard_bin_item_scores", "proponents"),
        needs=("attribution_health",),
        parts="cells",
        version=2,
    ),
    Step(
        "warehouse",
        (
            "signal_shares",
            "contrast_inference",
            "correlation_inference",
            "correctness_inference",
            "correctness_contrast_inference",
            "region_inference",
        ),
        "warehouse.inference:make_inference",
        inputs=(
            "bin_item_scores",
            "document_scores",
            "proponents",
            "item_predictions",
            "benchmark_items",
        ),
        needs=("bin_populations",),
        identity="warehouse.inference:identity_of_inference",
        parts="cells",
        libraries=("numpy", "scipy"),
        version=3,
    ),
    Step(
        "warehouse",
        ("split_half_correlations",),
        "warehouse.split_halves:make_split_half_correlations",
        inputs=("bin_item_scores", "document_scores", "item_predictions", "benchmark_items"),
        needs=("bin_populations",),
        identity="warehouse.split_halves:identity_of_split_half_correlations",
        parts="cells",
        libraries=("numpy",),
        version=2,
    ),
    Step(
        "warehouse",
        ("agreement_inference", "difference_inference"),
        "warehouse.agreement:make_method_agreement",
        inputs=("bin_item_scores", "document_scores", "proponents", "benchmark_items"),
        needs=("bin_populations", "item_predictions"),
        identity="warehouse.agreement:identity_of_method_agreement",
        parts="models",
        libraries=("numpy", "scipy"),
    ),
    Step(
        "warehouse",
        ("concentration_noise",),
        "warehouse.concentration:make_concentration_noise",
        inputs=("document_scores", "proponents"),
        identity="warehouse.concentration:identity_of_concentration_noise",
        parts="cells",
        libraries=("numpy", "scipy"),
    ),
)

_UNLEARNING = (
    Step(
        "unlearning",
        ("unlearning_plan",),
        "unlearning.plan:make_unlearning_plan",
        needs=("chosen_bins",),
        identity="unlearning.plan:identity_of_unlearning_plan",
        parts="unlearned_cells",
        version=3,
    ),
    Step(
        "unlearning",
        ("retain_sets", "unlearning_set_digests", "forget_sets"),
        "unlearning.sets:make_unlearning_sets",
        inputs=("unlearning_plan", "sampling_manifest", "document_scores"),
        identity="unlearning.sets:identity_of_unlearning_sets",
        parts="unlearned_cells",
        version=3,
    ),
    Step(
        "unlearning",
        ("unlearned_models", "unlearning_steps", "unlearning_runs"),
        "unlearning.runs:make_unlearned_model",
        needs=("documents", "forget_sets", "retain_sets", "unlearning_set_digests"),
        identity="unlearning.runs:identity_of_unlearned_models",
        parts="runs",
        guards=(
            "sampling.expectations:require_checked_sample",
            "unlearning.expectations:require_checked_sets",
        ),
        libraries=("peft", "torch", "transformers"),
    ),
    Step(
        "unlearning",
        ("unlearned_predictions",),
        "unlearning.runs:make_unlearned_predictions",
        inputs=("unlearning_runs", "item_predictions"),
        needs=("unlearned_models", "benchmark_items"),
        parts="runs",
        libraries=("lm-eval",),
    ),
    Step(
        "unlearning",
        (
            "damage_inference",
            "selectivity_inference",
            "unlearning_comparisons",
            "unlearning_outcomes",
        ),
        "unlearning.comparisons:make_unlearning_comparisons",
        inputs=("unlearning_plan", "item_predictions"),
        needs=("unlearned_predictions", "unlearning_runs"),
        identity="unlearning.comparisons:identity_of_unlearning_comparisons",
        parts="unlearned_cells",
        libraries=("scipy",),
        version=3,
    ),
    Step(
        "unlearning",
        ("method_damage_inference",),
        "unlearning.between_methods:make_method_damage",
        inputs=("unlearning_outcomes", "unlearning_plan", "item_predictions"),
        needs=("unlearned_predictions",),
        identity="unlearning.between_methods:identity_of_method_damage",
        parts="models",
        libraries=("scipy",),
    ),
)


def _retraining(study: Study) -> tuple[Step, ...]:
    """A planted model's training is done again from its record, another's is continued."""
    planted = study.planted is not None
    record = ("training_batches",) if planted else ()
    by_sql = study.retraining is not None and study.retraining.sql is not None
    return (
        Step(
            "retraining",
            ("retraining_plan",),
            "retraining.plan:make_retraining_plan",
            inputs=("sampling_manifest",),
            needs=READABLE if by_sql else (),
            identity="retraining.plan:identity_of_retraining_plan",
            parts="models",
        ),
        Step(
            "retraining",
            ("retraining_sets", "retraining_set_digests"),
            "retraining.sets:make_retraining_sets",
            inputs=("retraining_plan", "sampling_manifest", *record),
            identity="retraining.sets:identity_of_retraining_sets",
            parts="models",
        ),
        Step(
            "retraining",
            # While `retraining_runs`, written last, is missing or stale, the run is not done.
            ("retrained_predictions", "retraining_runs"),
            "retraining.runs:make_retrained_model",
            inputs=("benchmark_items", *record),
            needs=(
                "sampling_manifest",
                "retraining_plan",
                "retraining_sets",
                "retraining_set_digests",
                *(("planted_documents", "planted_model") if planted else ("documents",)),
            ),
            identity="retraining.runs:identity_of_retrained_model",
            parts="retrainings",
            guards=(
                "sampling.expectations:require_checked_sample",
                "retraining.expectations:require_checked_sets",
            ),
            libraries=("lm-eval", "torch", "transformers"),
        ),
        Step(
            "retraining",
            ("region_effect_inference",),
            "retraining.effects:make_region_effects",
            inputs=("retraining_plan", "benchmark_items"),
            needs=("retrained_predictions", "retraining_runs"),
            identity="retraining.outcomes:identity_of_outcomes",
            parts="models",
            libraries=("numpy", "scipy"),
        ),
        Step(
            "retraining",
            ("method_quality_inference", "quality_difference_inference"),
            "retraining.quality:make_method_quality",
            inputs=(
                "retraining_plan",
                "retraining_sets",
                "benchmark_items",
                "bin_item_scores",
                "bucket_item_scores",
            ),
            needs=("bin_populations", "retrained_predictions", "retraining_runs"),
            identity="retraining.quality:identity_of_method_quality",
            parts="models",
            libraries=("numpy", "scipy"),
        ),
    )
