"""Great Expectations on the sampling manifest: the suite, its run, and what it came to.

The project with its Data Docs is in the study's home. Attribution must not start unless every
expectation holds. Belongs here: which rule is which expectation. Does not belong here: the
counting behind it (evidence).
"""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.facts import Lake, write_atomically
from influence_warehouse.layout import Home
from influence_warehouse.sampling.evidence import Evidence, collect_evidence, searched_questions
from influence_warehouse.study import Study
from influence_warehouse.taxonomy import FORMATS, TOPICS

# Longer than any document known; a count above it is an overflow or a broken tokenizer.
MAX_TOKENS = 100_000_000
# Probabilities are one float64 division: rounding stays far below this, one document far above.
PROBABILITY_TOLERANCE = 1e-12


@dataclass(frozen=True)
class ExpectationOutcome:
    """What one expectation came to; `unexpected_count` is None where it could not be run."""

    name: str
    success: bool
    observed: str
    expected: str
    unexpected_count: int | None
    blocking: bool = True


@dataclass(frozen=True)
class _Rule:
    """One expectation: a Great Expectations class on one of the evidence tables."""

    name: str
    table: str
    expected: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)


def _between(column: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"column": column, "min_value": low, "max_value": high, **more}


def _equal(a: str, b: str) -> dict[str, Any]:
    # A document that is missing fails `documents_in_corpus`, not every other expectation too.
    return {"column_A": a, "column_B": b, "ignore_row_if": "either_value_is_missing"}


def _rules(min_tokens: int) -> tuple[_Rule, ...]:
    unique, in_set = "ExpectColumnValuesToBeUnique", "ExpectColumnValuesToBeInSet"
    between, equal = "ExpectColumnValuesToBeBetween", "ExpectColumnPairValuesToBeEqual"
    tiny = PROBABILITY_TOLERANCE
    return (
        _Rule("no_missing_values", "documents", "every column of the manifest has a value", between,
              _between("n_missing_values", 0, 0)),
        _Rule("doc_ids_unique", "documents", "each document is drawn once", unique,
              {"column": "doc_id"}),
        _Rule("topics_in_taxonomy", "documents", "one of the 24 topics", in_set,
              {"column": "topic", "value_set": list(TOPICS)}),
        _Rule("formats_in_taxonomy", "documents", "one of the 24 formats", in_set,
              {"column": "format", "value_set": list(FORMATS)}),
        _Rule("bin_ids_match_labels", "documents", "bin_id is that of topic and format", equal,
              _equal("bin_id", "bin_id_of_labels")),
        _Rule("bin_counts_equal_target", "bins", "min(documents_per_bin, population) per bin",
              equal, _equal("sampled_documents", "expected_documents")),
        _Rule("populations_match_corpus", "bins", "recorded population = recount of the corpus",
              equal, _equal("recorded_population_documents", "population_documents")),
        _Rule("no_duplicate_content", "documents", "each content hash has one document", between,
              _between("documents_with_this_content", 1, 1)),
        _Rule("inclusion_probability_in_range", "documents", "in (0, 1]", between,
              _between("inclusion_probability", 0, 1, strict_min=True)),
        _Rule("inclusion_probability_is_sampled_over_population", "documents",
              "sampled / population of the bin", between,
              _between("inclusion_probability_error", -tiny, tiny)),
        _Rule("token_counts_in_range", "documents", f"{min_tokens} to {MAX_TOKENS:,} tokens",
              between, _between("n_tokens", min_tokens, MAX_TOKENS)),
        _Rule("documents_in_corpus", "documents", "each drawn document is in the corpus", in_set,
              {"column": "is_in_corpus", "value_set": [True]}),
        _Rule("content_hash_matches_corpus", "documents", "SHA-256 of the corpus's text", equal,
              _equal("content_sha256", "corpus_content_sha256")),
        _Rule("digest_as_recorded", "manifest", "the digest recorded when it was made", equal,
              _equal("digest", "recorded_digest")),
        _Rule("no_contamination", "documents", "no benchmark question in a document", between,
              _between("n_contained_items", 0, 0)),
    )  # fmt: skip


EXPECTATION_NAMES: tuple[str, ...] = tuple(rule.name for rule in _rules(2))


def data_docs_index(home: Home) -> Path:
    """First page of the Data Docs of a study."""
    return home.data_docs / "gx" / "uncommitted" / "data_docs" / "local_site" / "index.html"


def check_sampling_manifest(study: Study, lake: Lake) -> list[ExpectationOutcome]:
    """Run the suite as a Great Expectations checkpoint; one outcome per EXPECTATION_NAMES.

    Writes the evidence tables, the validation results and the Data Docs under
    `home.data_docs`. Raises FactError when a fact that is compared is missing.
    """
    evidence = collect_evidence(study, lake)
    rules = _rules(study.sampling.min_tokens)
    tables = {rule.table: getattr(evidence, rule.table) for rule in rules}
    results = _run_checkpoint(lake.home, tables, rules)
    return [
        _outcome(rule, results[rule.name], _contamination_note(rule, evidence, lake))
        for rule in rules
    ]


def require_passed(outcomes: list[ExpectationOutcome]) -> None:
    """Raise FactError naming the blocking expectations that failed."""
    failed = [outcome for outcome in outcomes if outcome.blocking and not outcome.success]
    if failed:
        lines = [f"  {o.name}: expected {o.expected}; {o.observed}" for o in failed]
        raise FactError(
            f"sampling_manifest: {len(failed)} of {len(outcomes)} expectations failed:\n"
            + "\n".join(lines)
            + "\nRemedy: delete sampling_manifest.parquet and run the study again; "
            "for no_contamination remove those documents from the corpus."
        )


def _contamination_note(rule: _Rule, evidence: Evidence, lake: Lake) -> str:
    if rule.name != "no_contamination":
        return ""
    hits = evidence.documents.filter(pl.col("n_contained_items") > 0).head(3)
    named = "; ".join(f"{d}: {i}" for d, i in hits.select("doc_id", "contained_items").rows())
    return f"{searched_questions(lake)} questions searched" + (f" ({named})" if named else "")


def _outcome(rule: _Rule, result: Any, note: str) -> ExpectationOutcome:
    counts = result.result
    if "unexpected_count" not in counts:
        # Great Expectations reports an expectation that raised as a failed one without counts.
        observed = f"could not be run: {_first_message(result.exception_info)}"
        return ExpectationOutcome(rule.name, False, observed, rule.expected, None)
    unexpected, rows = int(counts["unexpected_count"]), int(counts["element_count"])
    examples = [str(value) for value in counts.get("partial_unexpected_list", [])[:3]]
    observed = f"{unexpected} of {rows} rows differ"
    observed += f", such as {', '.join(examples)}" if examples else ""
    observed += f"; {note}" if note else ""
    return ExpectationOutcome(rule.name, bool(result.success), observed, rule.expected, unexpected)


def _first_message(exception_info: dict[str, Any]) -> str:
    entries = [exception_info, *exception_info.values()]
    messages = [e.get("exception_message") for e in entries if isinstance(e, dict)]
    return next((str(message) for message in messages if message), "no message")


def _run_checkpoint(
    home: Home, tables: dict[str, pl.DataFrame], rules: tuple[_Rule, ...]
) -> dict[str, Any]:
    """Great Expectations' result of each rule, by the rule's name."""
    gx = _great_expectations()
    folder = home.data_docs / "evidence"
    for name, frame in tables.items():
        write_atomically(folder / f"{name}.parquet", frame.write_parquet)
    context = gx.get_context(mode="file", project_root_dir=home.data_docs)
    context.variables.progress_bars = _no_progress_bars()
    source = context.data_sources.add_or_update_pandas_filesystem(
        name="evidence", base_directory=folder
    )
    definitions = []
    for table in tables:
        asset = source.add_parquet_asset(table)
        batch = asset.add_batch_definition_path("whole", path=f"{table}.parquet")
        suite = context.suites.add_or_update(_suite(table, rules))
        definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=suite)
        definitions.append(context.validation_definitions.add_or_update(definition))
    checkpoint = gx.Checkpoint(
        name="sampling_manifest",
        validation_definitions=definitions,
        actions=[gx.checkpoint.UpdateDataDocsAction(name="data_docs")],
        result_format="SUMMARY",
    )
    run = context.checkpoints.add_or_update(checkpoint).run()
    return {
        result.expectation_config.meta["name"]: result
        for validation in run.run_results.values()
        for result in validation.results
    }


def _suite(table: str, rules: tuple[_Rule, ...]) -> Any:
    """Great Expectations' suite of the rules on one table."""
    gx = _great_expectations()
    expectations = [
        getattr(gx.expectations, rule.kind)(**rule.arguments, meta={"name": rule.name})
        for rule in rules
        if rule.table == table
    ]
    return gx.ExpectationSuite(f"sampling_manifest_{table}", expectations=expectations)


def _great_expectations() -> Any:
    """The library, without telemetry."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return gx


def _no_progress_bars() -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    return ProgressBarsConfig(globally=False, metric_calculations=False)
