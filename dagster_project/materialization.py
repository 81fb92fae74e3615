"""How an outcome of the library becomes a Dagster result: row counts, schema, run record.

Does not belong here: any decision on what to make; the library's stages take it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dagster_project.partitions import BY_PARTS, keep_runs
from dagster_project.resources import StudyResource
from influence_warehouse.contracts import CONTRACTS
from influence_warehouse.facts import Lake, Outcome, Part
from influence_warehouse.records import failure_path, write_failure, write_record
from influence_warehouse.steps import Step
from influence_warehouse.unlearning.plan import partition_keys

# One writer at a time on one study's home: runs that share it queue for this pool.
WRITER_POOL = "warehouse_writer"

# Results of steps that are folders or inputs, not Parquet facts of the lake.
FOLDERS = {
    "planted_documents": "The demo's documents and items, generated with a known truth.",
    "planted_model": "The demo's language model, trained on the planted documents.",
    "preconditioner": "TrackStar's second-moment correction, one per study.",
    "query_index": "Projected gradients of all benchmarks' queries.",
    "unlearned_models": "LoRA adapters that make the model forget, one folder per run.",
}


def step_assets(step: Step) -> dg.AssetsDefinition:
    """The assets of one step of the library, partitioned where the step is in parts."""

    @dg.multi_asset(
        name=step.name,
        specs=[_spec(step, fact) for fact in step.facts],
        partitions_def=BY_PARTS[step.parts],
        # One run scores a whole range of shards, so that the model is not started per shard;
        # unlearning runs fail and are retried one by one.
        backfill_policy=dg.BackfillPolicy.single_run() if step.parts == "shards" else None,
        pool=WRITER_POOL,
    )
    def assets(
        context: dg.AssetExecutionContext, study: StudyResource
    ) -> Iterator[dg.MaterializeResult]:
        study.home.create()
        last = {}
        for key in context.partition_keys if step.parts else [None]:
            with _noting_failure(step, study, key):
                for outcome, fingerprint in _run_once(step, study, key):
                    last[outcome.fact] = (outcome, fingerprint)
        if "unlearning_plan" in step.facts:
            keep_runs(context.instance, partition_keys(study.lake))
        for outcome, fingerprint in last.values():
            yield _result(outcome, fingerprint)

    return assets


def _run_once(step: Step, study: StudyResource, partition: str | None) -> list[tuple[Outcome, str]]:
    started = datetime.now(UTC)
    part: list[Part] = []
    if partition is not None:
        part = [int(partition) if step.parts == "shards" else partition]
    made = step.run(study.study, study.lake, *part)
    outcomes = [made] if isinstance(made, Outcome) else made
    results = []
    for outcome in outcomes:
        fingerprint = _fingerprint_of(study.lake, outcome, *part)
        write_record(study.home, outcome, fingerprint, started, partition)
        results.append((outcome, fingerprint))
    if step.parts != "runs":  # `run` says a line per unlearning run
        say_made(outcomes, started, partition)
    return results


@contextmanager
def _noting_failure(step: Step, study: StudyResource, partition: str | None) -> Iterator[None]:
    """Leave an unlearning run's error where `influence status` and the marts find it."""
    if step.parts != "runs" or partition is None:
        yield
        return
    try:
        yield
    except Exception as error:
        write_failure(study.home, partition, error)
        raise
    failure_path(study.home, partition).unlink(missing_ok=True)


def say_made(outcomes: list[Outcome], started: datetime, partition: str | None) -> None:
    """One progress line on stderr per fact."""
    seconds = (datetime.now(UTC) - started).total_seconds()
    for outcome in outcomes:
        verb = "KEPT" if outcome.reused else "OK  "
        name = outcome.fact if partition is None else f"{outcome.fact} {partition}"
        say(f"{verb} {name:<34} {outcome.rows:>9,} rows {seconds:7.1f} s")


def say(line: str) -> None:
    """A progress line for people, on stderr: stdout is for results."""
    print(line, file=sys.stderr, flush=True)


def _spec(step: Step, fact: str) -> dg.AssetSpec:
    contract = CONTRACTS.get(fact)
    if contract is None:
        return dg.AssetSpec(
            fact,
            group_name=step.stage,
            deps=list(step.needs),
            description=FOLDERS[fact],
            kinds={"torch"},
        )
    columns = [dg.TableColumn(name, str(dtype)) for name, dtype in contract.columns.items()]
    return dg.AssetSpec(
        fact,
        group_name=step.stage,
        deps=list(step.needs),
        description=f"{contract.description} Key: {', '.join(contract.key)}.",
        kinds={"parquet"},
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
    )


def _fingerprint_of(lake: Lake, outcome: Outcome, part: Part | None = None) -> str:
    if outcome.fact in CONTRACTS:
        return lake.require(outcome.fact, part).digest
    return str(outcome.details["digest"])


def _result(outcome: Outcome, fingerprint: str) -> dg.MaterializeResult:
    metadata: dict[str, Any] = {
        "dagster/row_count": outcome.rows,
        "reused": outcome.reused,
        "fingerprint": fingerprint,
        **outcome.details,
    }
    return dg.MaterializeResult(
        asset_key=outcome.fact, metadata=metadata, data_version=dg.DataVersion(fingerprint)
    )
