"""Each expectation on the manifest fails for the damage that it stands for, and alone."""

import polars as pl
import pytest

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.expectation_suite import (
    Expectation,
    ExpectationOutcome,
    outcome_of,
    run_checkpoint,
)
from influence_warehouse.sampling.expectations import (
    EXPECTATION_NAMES,
    SAMPLE_GUARD,
    check_sampling_manifest,
    data_docs_index,
)
from influence_warehouse.study.study import Study
from tests.corpus_world import lake_at
from tests.manifest_damages import DAMAGES, Damaged, contaminated, honest_manifest, lone


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_model) -> tuple[Study, Lake]:
    return honest_manifest(tmp_path_factory.mktemp("whole"), tiny_model)


@pytest.fixture
def damaged(whole, tmp_path) -> Damaged:
    return Damaged(*whole, tmp_path)


def _failed(outcomes: list[ExpectationOutcome]) -> list[str]:
    return [outcome.name for outcome in outcomes if not outcome.success]


def test_an_honest_manifest_passes_everything_and_is_documented(whole):
    study, lake = whole
    outcomes = check_sampling_manifest(study, lake)
    assert [outcome.name for outcome in outcomes] == list(EXPECTATION_NAMES)
    assert _failed(outcomes) == []
    assert {outcome.unexpected_count for outcome in outcomes} == {0}
    assert outcomes[-1].observed.startswith("0 of 6 rows differ; 2 questions searched")
    SAMPLE_GUARD.require_passed(lake)
    assert "sampling_manifest_documents" in data_docs_index(lake.home).read_text()


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_fails_its_expectation_and_no_other(damaged, name):
    DAMAGES[name](damaged)
    outcomes = check_sampling_manifest(damaged.study, damaged.lake)
    assert _failed(outcomes) == [name]
    with pytest.raises(FactError, match=rf"(?s)1 of 14 expectations failed:\n  {name}: .*Remedy"):
        SAMPLE_GUARD.require_passed(damaged.lake)


def test_a_probability_outside_the_range_fails_both_of_its_rules(damaged):
    change = lone("inclusion_probability", pl.lit(1.5))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))
    failed = _failed(check_sampling_manifest(damaged.study, damaged.lake))
    assert failed == [
        "inclusion_probability_in_range",
        "inclusion_probability_is_sampled_over_population",
    ]


def test_a_manifest_without_its_seal_is_damaged(damaged):
    path = damaged.lake.path("sampling_manifest")
    metadata = pl.read_parquet_metadata(path)
    ours = {"influence_warehouse": metadata["influence_warehouse"]}
    pl.read_parquet(path).write_parquet(path, metadata=ours)
    with pytest.raises(FactError, match=r"sampling_manifest.parquet: damaged.*Remedy"):
        damaged.lake.read("sampling_manifest")


def test_contamination_names_the_documents_and_counts_them(damaged):
    contaminated(damaged)
    outcome = check_sampling_manifest(damaged.study, damaged.lake)[-1]
    assert outcome.unexpected_count == 1
    assert "2 questions searched" in outcome.observed
    assert "quiz/q0" in outcome.observed


def test_every_expectation_has_its_damage():
    apart = {"inclusion_probability_in_range"}
    assert {*DAMAGES, *apart} == set(EXPECTATION_NAMES)


@pytest.mark.parametrize("fact", ["documents", "sampling_manifest", "benchmark_items"])
def test_a_missing_fact_is_named(damaged, fact):
    damaged.lake.path(fact).unlink()
    with pytest.raises(FactError, match=rf"{fact}.parquet: missing.*Remedy"):
        check_sampling_manifest(damaged.study, damaged.lake)


def test_a_manifest_without_a_column_is_an_error_and_not_a_pass(damaged):
    damaged.change("sampling_manifest", lambda m: m.drop("inclusion_probability"))
    with pytest.raises(FactError, match=r"(?s)cannot be checked .*inclusion_probability.*Remedy"):
        check_sampling_manifest(damaged.study, damaged.lake)


def test_an_expectation_that_cannot_run_is_a_failure_that_says_why(tmp_path):
    lake = lake_at(tmp_path)
    unique = Expectation("unique", "documents", "each once", "ExpectColumnValuesToBeUnique",
                         {"column": "doc_id"})  # fmt: skip
    results = run_checkpoint(lake.home, "x", {"documents": pl.DataFrame({"other": [1]})}, (unique,))
    outcome = outcome_of(unique, results["unique"], "")
    assert (outcome.success, outcome.unexpected_count) == (False, None)
    assert "could not be run" in outcome.observed
    assert "doc_id" in outcome.observed


def test_a_manifest_made_since_its_check_is_not_taken_as_checked(damaged):
    check_sampling_manifest(damaged.study, damaged.lake)
    SAMPLE_GUARD.require_passed(damaged.lake)
    made = Fingerprint.of("sampling_manifest", another="one")
    damaged.lake.write("sampling_manifest", damaged.lake.read("sampling_manifest"), made)
    with pytest.raises(FactError, match=r"has not been checked.*Remedy"):
        SAMPLE_GUARD.require_passed(damaged.lake)
