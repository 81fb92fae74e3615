"""Great Expectations on the sampling manifest: the suite, its run, and what it came to.

The project with its Data Docs is in the study's home. Attribution must not start unless every
expectation holds. Belongs here: which expectations there are. Does not belong here: the
counting behind it (evidence).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.expectation_suite import (
    Expectation,
    ExpectationOutcome,
    Guard,
    outcome_of,
    run_checkpoint,
)
from influence_warehouse.sampling.bins import WEBORGANIZER
from influence_warehouse.sampling.evidence import Evidence, collect_evidence, searched_questions
from influence_warehouse.study.study import Study

# Longer than any document known; a count above it is an overflow or a broken tokenizer.
MAX_TOKENS = 100_000_000
# Probabilities are one float64 division: rounding stays far below this, one document far above.
PROBABILITY_TOLERANCE = 1e-12


def _between(column: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"column": column, "min_value": low, "max_value": high, **more}


def _equal(a: str, b: str) -> dict[str, Any]:
    # A document that is missing fails `documents_in_corpus`, not every other expectation too.
    return {"column_A": a, "column_B": b, "ignore_row_if": "either_value_is_missing"}


def _expectations(
    min_tokens: int, topics: Sequence[str], formats: Sequence[str]
) -> tuple[Expectation, ...]:
    unique, in_set = "ExpectColumnValuesToBeUnique", "ExpectColumnValuesToBeInSet"
    between, equal = "ExpectColumnValuesToBeBetween", "ExpectColumnPairValuesToBeEqual"
    tiny = PROBABILITY_TOLERANCE
    return (
        Expectation("no_missing_values", "documents", "every column of the manifest has a value",
                    between, _between("n_missing_values", 0, 0)),
        Expectation("doc_ids_unique", "documents", "each document is drawn once", unique,
                    {"column": "doc_id"}),
        Expectation("topics_in_taxonomy", "documents", "one of the study's topics", in_set,
                    {"column": "topic", "value_set": list(topics)}),
        Expectation("formats_in_taxonomy", "documents", "one of the study's formats", in_set,
                    {"column": "format", "value_set": list(formats)}),
        Expectation("bin_ids_match_labels", "documents", "bin_id is that of topic and format",
                    equal, _equal("bin_id", "bin_id_of_labels")),
        Expectation("bin_counts_equal_target", "bins", "min(documents_per_bin, population) per bin",
                    equal, _equal("sampled_documents", "expected_documents")),
        Expectation("populations_match_corpus", "bins",
                    "recorded population = recount of the corpus", equal,
                    _equal("recorded_population_documents", "population_documents")),
        Expectation("no_duplicate_content", "documents", "each content hash has one document",
                    between, _between("documents_with_this_content", 1, 1)),
        Expectation("inclusion_probability_in_range", "documents", "in (0, 1]", between,
                    _between("inclusion_probability", 0, 1, strict_min=True)),
        Expectation("inclusion_probability_is_sampled_over_population", "documents",
                    "sampled / population of the bin", between,
                    _between("inclusion_probability_error", -tiny, tiny)),
        Expectation("token_counts_in_range", "documents", f"{min_tokens} to {MAX_TOKENS:,} tokens",
                    between, _between("n_tokens", min_tokens, MAX_TOKENS)),
        Expectation("documents_in_corpus", "documents", "each drawn document is in the corpus",
                    in_set, {"column": "is_in_corpus", "value_set": [True]}),
        Expectation("content_hash_matches_corpus", "documents", "SHA-256 of the corpus's text",
                    equal, _equal("content_sha256", "corpus_content_sha256")),
        Expectation("no_contamination", "documents", "no benchmark question in a document", between,
                    _between("n_contained_items", 0, 0)),
    )  # fmt: skip


# What each expectation asks, by its name; the study's own limit and labels replace these in a run.
EXPECTATIONS: dict[str, str] = {
    each.name: each.expected for each in _expectations(2, WEBORGANIZER.topics, WEBORGANIZER.formats)
}
EXPECTATION_NAMES: tuple[str, ...] = tuple(EXPECTATIONS)
SAMPLE_GUARD = Guard(
    "sampling_manifest",
    ("benchmark_items", "documents", "bin_populations"),
    "for no_contamination remove those documents from the corpus",
)


def data_docs_index(home: Home) -> Path:
    """First page of the Data Docs of a study."""
    return home.data_docs / "gx" / "uncommitted" / "data_docs" / "local_site" / "index.html"


def require_checked_sample(study: Study, lake: Lake) -> None:
    """Raise FactError unless the sample that is there was checked and passed."""
    SAMPLE_GUARD.require_passed(lake)


def check_sampling_manifest(study: Study, lake: Lake) -> list[ExpectationOutcome]:
    """Run the suite as a Great Expectations checkpoint; one outcome per EXPECTATION_NAMES.

    Writes the evidence tables, the validation results and the Data Docs under
    `home.data_docs`. Raises FactError when a fact that is compared is missing.
    """
    evidence = collect_evidence(study, lake)
    known = (evidence.bins[axis].unique().sort().to_list() for axis in ("topic", "format"))
    expectations = _expectations(study.sampling.min_tokens, *known)
    tables = {each.table: getattr(evidence, each.table) for each in expectations}
    results = run_checkpoint(lake.home, "sampling_manifest", tables, expectations)
    outcomes = [
        outcome_of(each, results[each.name], _contamination_note(each, evidence, lake))
        for each in expectations
    ]
    return SAMPLE_GUARD.note(lake, outcomes)


def _contamination_note(expectation: Expectation, evidence: Evidence, lake: Lake) -> str:
    if expectation.name != "no_contamination":
        return ""
    hits = evidence.documents.filter(pl.col("n_contained_items") > 0).head(3)
    named = "; ".join(f"{d}: {i}" for d, i in hits.select("doc_id", "contained_items").rows())
    return f"{searched_questions(lake)} questions searched" + (f" ({named})" if named else "")
