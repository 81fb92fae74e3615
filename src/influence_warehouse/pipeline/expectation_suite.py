"""Great Expectations, run over evidence tables: expectations, one checkpoint, their outcomes.

Belongs here: the machinery that every stage's suite shares. Does not belong here: which
expectations there are (sampling.expectations, unlearning.expectations).
"""

import json
import logging
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.facts import Lake, write_atomically
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import Home


@dataclass(frozen=True)
class ExpectationOutcome:
    """What one expectation came to; `unexpected_count` is None where it could not be run."""

    name: str
    success: bool
    observed: str
    expected: str
    unexpected_count: int | None


@dataclass(frozen=True)
class Guard:
    """What a suite guards: the fact, those it is compared with, and what to do if it fails."""

    fact: str
    compared: tuple[str, ...]
    remedy: str

    def note(self, lake: Lake, outcomes: list[ExpectationOutcome]) -> list[ExpectationOutcome]:
        """Keep the outcomes on disk, for those that come later; returns them."""
        noted = {"of": self._digest(lake), "outcomes": [asdict(outcome) for outcome in outcomes]}
        text = json.dumps(noted, indent=1)
        write_atomically(self._path(lake), lambda part: part.write_text(text, encoding="utf-8"))
        return outcomes

    def require_passed(self, lake: Lake) -> None:
        """Raise FactError unless what is there now was checked, and passed all expectations."""
        path = self._path(lake)
        note = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if note.get("of") != self._digest(lake):
            raise FactError(
                f"{lake.home.lake / self.fact}: has not been checked since it was made. "
                "Remedy: `influence run` the study; its Great Expectations check comes first."
            )
        outcomes = [ExpectationOutcome(**outcome) for outcome in note["outcomes"]]
        failed = [outcome for outcome in outcomes if not outcome.success]
        if failed:
            lines = [f"  {o.name}: expected {o.expected}; {o.observed}" for o in failed]
            raise FactError(
                f"{self.fact}: {len(failed)} of {len(outcomes)} expectations failed:\n"
                + "\n".join(lines)
                + f"\nRemedy: delete {lake.home.lake / self.fact} and run the study again; "
                f"{self.remedy}."
            )

    def _digest(self, lake: Lake) -> str:
        return digest_of([lake.digests(fact) for fact in (self.fact, *self.compared)])

    def _path(self, lake: Lake) -> Path:
        return lake.home.data_docs / "outcomes" / f"{self.fact}.json"


@dataclass(frozen=True)
class Expectation:
    """One expectation: a Great Expectations class on one of the evidence tables."""

    name: str
    table: str
    expected: str
    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)


def run_checkpoint(
    home: Home, name: str, tables: dict[str, pl.DataFrame], expectations: tuple[Expectation, ...]
) -> dict[str, Any]:
    """Great Expectations' result of each expectation, by its name; also in the Data Docs.

    `name` is the checkpoint's; tables have names of their own among all checkpoints.
    """
    gx = _great_expectations()
    folder = home.data_docs / "evidence"
    for table, frame in tables.items():
        write_atomically(folder / f"{table}.parquet", frame.write_parquet)
    context = gx.get_context(mode="file", project_root_dir=home.data_docs)
    context.variables.progress_bars = _no_progress_bars()
    source = context.data_sources.add_or_update_pandas_filesystem(name=name, base_directory=folder)
    definitions = []
    for table in tables:
        asset = source.add_parquet_asset(table)
        batch = asset.add_batch_definition_path("whole", path=f"{table}.parquet")
        suite = context.suites.add_or_update(_suite(f"{name}_{table}", table, expectations))
        definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=suite)
        definitions.append(context.validation_definitions.add_or_update(definition))
    checkpoint = gx.Checkpoint(
        name=name,
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


def _suite(name: str, table: str, expectations: tuple[Expectation, ...]) -> Any:
    """Great Expectations' suite of the expectations on one table."""
    gx = _great_expectations()
    configured = [
        getattr(gx.expectations, each.kind)(**each.arguments, meta={"name": each.name})
        for each in expectations
        if each.table == table
    ]
    return gx.ExpectationSuite(name, expectations=configured)


def _great_expectations() -> Any:
    """The library, without telemetry."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    return gx


def _no_progress_bars() -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    return ProgressBarsConfig(globally=False, metric_calculations=False)


def outcome_of(expectation: Expectation, result: Any, note: str = "") -> ExpectationOutcome:
    """What Great Expectations' result of it came to; `note` joins what was observed."""
    name, expected = expectation.name, expectation.expected
    counts = result.result
    if "unexpected_count" not in counts:
        # Great Expectations reports an expectation that raised as a failed one without counts.
        observed = f"could not be run: {_first_message(result.exception_info)}"
        return ExpectationOutcome(name, False, observed, expected, None)
    unexpected, rows = int(counts["unexpected_count"]), int(counts["element_count"])
    examples = [str(value) for value in counts.get("partial_unexpected_list", [])[:3]]
    observed = f"{unexpected} of {rows} rows differ"
    observed += f", such as {', '.join(examples)}" if examples else ""
    observed += f"; {note}" if note else ""
    return ExpectationOutcome(name, bool(result.success), observed, expected, unexpected)


def _first_message(exception_info: dict[str, Any]) -> str:
    entries = [exception_info, *exception_info.values()]
    messages = [e.get("exception_message") for e in entries if isinstance(e, dict)]
    return next((str(message) for message in messages if message), "no message")
