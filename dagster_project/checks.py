"""Blocking asset checks: what must hold before the next stage may start.

Belongs here: wiring. Does not belong here: the expectations themselves (the sampling and
attribution stages of the library) and the tests of tables (dbt).
"""

from collections.abc import Callable, Iterator

import dagster as dg

from dagster_project.resources import StudyResource
from dagster_project.settings import settings
from influence_warehouse.lake.facts import Lake
from influence_warehouse.pipeline.expectation_suite import ExpectationOutcome, Guard
from influence_warehouse.pipeline.parts import cells, gradient_models
from influence_warehouse.retraining import expectations as retraining
from influence_warehouse.sampling.expectations import (
    EXPECTATIONS,
    SAMPLE_GUARD,
    check_sampling_manifest,
    data_docs_index,
)
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.expectations import (
    SETS_GUARD,
    check_unlearning_sets,
    expectations_of,
)

Check = Callable[[Study, Lake], list[ExpectationOutcome]]


def _expectations(
    name: str, guard: Guard, asked: dict[str, str], check: Check
) -> dg.AssetChecksDefinition:
    """One run of a Great Expectations checkpoint; each expectation is a check of its own."""

    @dg.multi_asset_check(
        name=name,
        specs=[
            dg.AssetCheckSpec(
                expectation,
                asset=guard.fact,
                additional_deps=list(guard.compared),
                description=meaning,
                blocking=True,
            )
            for expectation, meaning in asked.items()
        ],
    )
    def checks(study: StudyResource) -> Iterator[dg.AssetCheckResult]:
        for outcome in check(study.study, study.lake):
            yield dg.AssetCheckResult(
                check_name=outcome.name,
                asset_key=guard.fact,
                passed=outcome.success,
                metadata={
                    "observed": outcome.observed,
                    "expected": outcome.expected,
                    "unexpected_count": outcome.unexpected_count,
                    "data_docs": dg.MetadataValue.path(data_docs_index(study.home)),
                },
            )

    return checks


@dg.asset_check(asset="gradient_diagnosis", blocking=True)
def gradients_are_stable(study: StudyResource) -> dg.AssetCheckResult:
    """A document's gradient must not depend on the batch it is in."""
    from influence_warehouse.attribution.health import diagnosis_problems

    parts = gradient_models(study.study)
    problems = diagnosis_problems(study.lake.read_parts("gradient_diagnosis", parts))
    return dg.AssetCheckResult(passed=not problems, metadata={"problems": problems})


@dg.asset_check(asset="attribution_health", blocking=True)
def scores_are_healthy(study: StudyResource) -> dg.AssetCheckResult:
    """Scores must be finite, and hardly any exactly zero."""
    from influence_warehouse.attribution.health import health_problems

    health = study.lake.read_parts("attribution_health", cells(study.study))
    problems = health_problems(health, study.study.attribution.max_zero_share)
    return dg.AssetCheckResult(passed=not problems, metadata={"problems": problems})


checks: list[dg.AssetChecksDefinition] = [
    _expectations(
        "sampling_expectations",
        SAMPLE_GUARD,
        EXPECTATIONS,
        check_sampling_manifest,
    ),
    scores_are_healthy,
]
if gradient_models(settings().study):
    checks.append(gradients_are_stable)
if settings().study.unlearning is not None:
    checks.append(
        _expectations(
            "unlearning_expectations",
            SETS_GUARD,
            expectations_of(settings().study),
            check_unlearning_sets,
        )
    )
if settings().study.retraining is not None:
    checks.append(
        _expectations(
            "retraining_expectations",
            retraining.SETS_GUARD,
            retraining.EXPECTATIONS,
            retraining.check_retraining_sets,
        )
    )
