"""Blocking asset checks: what must hold before the next stage may start.

Belongs here: wiring. Does not belong here: the expectations themselves (the sampling and
attribution stages of the library) and the tests of tables (dbt).
"""

from collections.abc import Iterator

import dagster as dg

from dagster_project.resources import StudyResource
from dagster_project.settings import settings
from influence_warehouse.expectation_suite import ExpectationOutcome
from influence_warehouse.sampling.expectations import EXPECTATIONS, data_docs_index
from influence_warehouse.unlearning.expectations import check_unlearning_sets, expectations_of


@dg.multi_asset_check(
    name="sampling_expectations",
    specs=[
        dg.AssetCheckSpec(
            name,
            asset="sampling_manifest",
            additional_deps=["benchmark_items", "documents", "bin_populations"],
            description=meaning,
            blocking=True,
        )
        for name, meaning in EXPECTATIONS.items()
    ],
)
def sampling_expectations(study: StudyResource) -> Iterator[dg.AssetCheckResult]:
    """Run the Great Expectations checkpoint once; each expectation is a check of its own."""
    from influence_warehouse.sampling.expectations import check_sampling_manifest

    for outcome in check_sampling_manifest(study.study, study.lake):
        yield _check_result("sampling_manifest", outcome, study)


@dg.asset_check(asset="gradient_diagnosis", blocking=True)
def gradients_are_stable(study: StudyResource) -> dg.AssetCheckResult:
    """A document's gradient must not depend on the batch it is in."""
    from influence_warehouse.attribution.health import diagnosis_problems

    problems = diagnosis_problems(study.lake.read("gradient_diagnosis"))
    return dg.AssetCheckResult(passed=not problems, metadata={"problems": problems})


@dg.asset_check(asset="attribution_health", blocking=True)
def scores_are_healthy(study: StudyResource) -> dg.AssetCheckResult:
    """Scores must be finite, and hardly any exactly zero."""
    from influence_warehouse.attribution.health import health_problems

    health = study.lake.read("attribution_health")
    problems = health_problems(health, study.study.attribution.max_zero_share)
    return dg.AssetCheckResult(passed=not problems, metadata={"problems": problems})


def _unlearning_expectations() -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="unlearning_expectations",
        specs=[
            dg.AssetCheckSpec(
                name,
                asset="forget_sets",
                additional_deps=["retain_sets", "unlearning_plan", "benchmark_items"],
                description=meaning,
                blocking=True,
            )
            for name, meaning in expectations_of(settings().study).items()
        ],
    )
    def unlearning_expectations(study: StudyResource) -> Iterator[dg.AssetCheckResult]:
        """Run the Great Expectations checkpoint on the sets that are forgotten and kept."""
        for outcome in check_unlearning_sets(study.study, study.lake):
            yield _check_result("forget_sets", outcome, study)

    return unlearning_expectations


def _check_result(
    asset: str, outcome: ExpectationOutcome, study: StudyResource
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=outcome.name,
        asset_key=asset,
        passed=outcome.success,
        metadata={
            "observed": outcome.observed,
            "expected": outcome.expected,
            "unexpected_count": outcome.unexpected_count,
            "data_docs": dg.MetadataValue.path(data_docs_index(study.home)),
        },
    )


checks: list[dg.AssetChecksDefinition] = [
    sampling_expectations,
    gradients_are_stable,
    scores_are_healthy,
]
if settings().study.unlearning is not None:
    checks.append(_unlearning_expectations())
