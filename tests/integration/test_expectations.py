"""Each expectation on the manifest fails for the damage that it stands for, and alone."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.corpus.documents import make_documents
from influence_warehouse.errors import FactError
from influence_warehouse.facts import Lake
from influence_warehouse.layout import Home
from influence_warehouse.sampling.evidence import collect_evidence
from influence_warehouse.sampling.expectations import (
    EXPECTATION_NAMES,
    MAX_TOKENS,
    ExpectationOutcome,
    _outcome,
    _rules,
    _run_checkpoint,
    check_sampling_manifest,
    data_docs_index,
    require_passed,
)
from influence_warehouse.sampling.manifest import (
    make_sampling_manifest,
    record_digest,
    recorded_digest,
)
from influence_warehouse.study import Study
from tests.corpus_world import lake_at, rows_of, study_of, write_items, write_lines

# 7 documents in one bin (5 are drawn) and 1 in another.
ROWS = [*rows_of(7), {**rows_of(1)[0], "doc_id": "lone", "topic": "health", "text": "on health"}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_model) -> tuple[Study, Lake]:
    folder = tmp_path_factory.mktemp("whole")
    corpus = {"path": write_lines(folder / "c.jsonl", ROWS)}
    study, lake = study_of(tiny_model, corpus), lake_at(folder)
    make_documents(study, lake)
    make_sampling_manifest(study, lake)
    write_items(lake, ["Which king ruled the river city?", "What?", "Who made the old temple?"])
    return study, lake


class Damaged:
    """A copy of the facts, to be broken behind the contract's back."""

    def __init__(self, study: Study, source: Lake, root: Path):
        shutil.copytree(source.home.path, root / "small")
        self.study = study
        self.lake = Lake(Home(root, "small"))

    def change(self, fact: str, change) -> None:
        """Overwrite a fact with `change(frame)`, its fingerprint kept."""
        path = self.lake.path(fact)
        metadata = pl.read_parquet_metadata(path)
        ours = {"influence_warehouse": metadata["influence_warehouse"]}
        change(pl.read_parquet(path)).write_parquet(path, metadata=ours)

    def record_digest(self) -> None:
        fingerprint = self.lake.require("sampling_manifest")
        record_digest(self.lake.read("sampling_manifest"), fingerprint, self.lake)


@pytest.fixture
def damaged(whole, tmp_path) -> Damaged:
    return Damaged(*whole, tmp_path)


def _lone(column: str, value) -> pl.Expr:
    """`value` in `column` of the document that is alone in its bin."""
    here = pl.col("doc_id") == "lone"
    return pl.when(here).then(value).otherwise(pl.col(column)).alias(column)


def _missing_value(damaged: Damaged) -> None:
    damaged.change("sampling_manifest", lambda m: m.with_columns(_lone("sample_rank", None)))


def _drawn_twice(damaged: Damaged) -> None:
    damaged.change("sampling_manifest", lambda m: pl.concat([m, m.head(1)]))


def _topic_unknown(damaged: Damaged) -> None:
    change = _lone("topic", pl.lit("gardening"))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _format_unknown(damaged: Damaged) -> None:
    change = _lone("format", pl.lit("poem"))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _labels_of_another_bin(damaged: Damaged) -> None:
    change = _lone("topic", pl.lit("games"))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _bin_forgotten(damaged: Damaged) -> None:
    damaged.change("sampling_manifest", lambda m: m.filter(pl.col("doc_id") != "lone"))


def _population_misstated(damaged: Damaged) -> None:
    more = pl.col("population_documents") + 1
    damaged.change("bin_populations", lambda b: b.with_columns(more))


def _content_twice(damaged: Damaged) -> None:
    manifest = damaged.lake.read("sampling_manifest")
    twin = manifest.filter(pl.col("doc_id") != "lone").row(0, named=True)
    text = damaged.lake.read("documents").filter(pl.col("doc_id") == twin["doc_id"])["text"][0]
    damaged.change("documents", lambda d: d.with_columns(_lone("text", pl.lit(text))))
    change = _lone("content_sha256", pl.lit(twin["content_sha256"]))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _probability_wrong(damaged: Damaged) -> None:
    change = _lone("inclusion_probability", pl.lit(0.75))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _tokens_overflow(damaged: Damaged) -> None:
    change = _lone("n_tokens", pl.lit(MAX_TOKENS + 1, pl.Int32))
    damaged.change("documents", lambda d: d.with_columns(change))


def _not_in_corpus(damaged: Damaged) -> None:
    change = _lone("doc_id", pl.lit("ghost"))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))


def _text_changed_behind_the_manifest(damaged: Damaged) -> None:
    damaged.change("documents", lambda d: d.with_columns(_lone("text", pl.lit("on wealth"))))


def _contaminated(damaged: Damaged) -> None:
    write_items(damaged.lake, ["Is it true that the king  OF GAME 3", "the king of game 99999 ?"])
    drawn = damaged.lake.read("sampling_manifest")["doc_id"][0]
    text = "so: is it true that the king of game 3 is old"
    here = pl.when(pl.col("doc_id") == drawn).then(pl.lit(text)).otherwise("text").alias("text")
    damaged.change("documents", lambda d: d.with_columns(here))
    evidence = collect_evidence(damaged.study, damaged.lake).documents
    hashes = evidence.select("doc_id", content_sha256="corpus_content_sha256")
    damaged.change(
        "sampling_manifest", lambda m: m.drop("content_sha256").join(hashes, on="doc_id")
    )


DAMAGES = {
    "no_missing_values": _missing_value,
    "doc_ids_unique": _drawn_twice,
    "topics_in_taxonomy": _topic_unknown,
    "formats_in_taxonomy": _format_unknown,
    "bin_ids_match_labels": _labels_of_another_bin,
    "bin_counts_equal_target": _bin_forgotten,
    "populations_match_corpus": _population_misstated,
    "no_duplicate_content": _content_twice,
    "inclusion_probability_is_sampled_over_population": _probability_wrong,
    "token_counts_in_range": _tokens_overflow,
    "documents_in_corpus": _not_in_corpus,
    "content_hash_matches_corpus": _text_changed_behind_the_manifest,
    "no_contamination": _contaminated,
}


def _failed(outcomes: list[ExpectationOutcome]) -> list[str]:
    return [outcome.name for outcome in outcomes if not outcome.success]


def test_an_honest_manifest_passes_everything_and_is_documented(whole):
    study, lake = whole
    outcomes = check_sampling_manifest(study, lake)
    assert [outcome.name for outcome in outcomes] == list(EXPECTATION_NAMES)
    assert _failed(outcomes) == []
    assert {outcome.unexpected_count for outcome in outcomes} == {0}
    assert outcomes[-1].observed.startswith("0 of 6 rows differ; 2 questions searched")
    require_passed(outcomes)
    assert "sampling_manifest_documents" in data_docs_index(lake.home).read_text()


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_fails_its_expectation_and_no_other(damaged, name):
    DAMAGES[name](damaged)
    damaged.record_digest()
    outcomes = check_sampling_manifest(damaged.study, damaged.lake)
    assert _failed(outcomes) == [name]
    with pytest.raises(FactError, match=rf"(?s)1 of 15 expectations failed:\n  {name}: .*Remedy"):
        require_passed(outcomes)


def test_a_probability_outside_the_range_fails_both_of_its_rules(damaged):
    change = _lone("inclusion_probability", pl.lit(1.5))
    damaged.change("sampling_manifest", lambda m: m.with_columns(change))
    damaged.record_digest()
    failed = _failed(check_sampling_manifest(damaged.study, damaged.lake))
    assert failed == [
        "inclusion_probability_in_range",
        "inclusion_probability_is_sampled_over_population",
    ]


@pytest.mark.parametrize("how", ["changed", "not recorded"])
def test_another_digest_than_the_recorded_one_fails(damaged, how):
    if how == "changed":
        damaged.change("sampling_manifest", lambda m: m.with_columns(pl.col("shard") + 1))
    else:
        (damaged.lake.home.lake / "sampling_manifest.digest.json").unlink()
        assert recorded_digest(damaged.lake) is None
    outcomes = check_sampling_manifest(damaged.study, damaged.lake)
    assert _failed(outcomes) == ["digest_as_recorded"]


def test_contamination_names_the_documents_and_counts_them(damaged):
    _contaminated(damaged)
    outcome = check_sampling_manifest(damaged.study, damaged.lake)[-1]
    assert outcome.unexpected_count == 1
    assert "2 questions searched" in outcome.observed
    assert "quiz/q0" in outcome.observed


def test_every_expectation_has_its_damage():
    apart = {"inclusion_probability_in_range", "digest_as_recorded"}
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
    rule = next(rule for rule in _rules(2) if rule.name == "doc_ids_unique")
    results = _run_checkpoint(lake.home, {"documents": pl.DataFrame({"other": [1]})}, (rule,))
    outcome = _outcome(rule, results[rule.name], "")
    assert (outcome.success, outcome.unexpected_count) == (False, None)
    assert "could not be run" in outcome.observed
    assert "doc_id" in outcome.observed
    with pytest.raises(FactError, match="doc_ids_unique"):
        require_passed([outcome])
