"""How an outcome of the library becomes a Dagster result: row counts, schema, fingerprint.

Does not belong here: any decision on what to make; the library's stages take it.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dagster_project.partitions import BY_PARTS, sync_run_partitions
from dagster_project.resources import StudyResource
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Outcome, Part
from influence_warehouse.lake.records import Timer
from influence_warehouse.pipeline.making import made_line, make_step, partition_name
from influence_warehouse.pipeline.steps import Step
from influence_warehouse.progress import finished, print_progress, step_of_run
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
            for outcome, fingerprint in _run_once(step, study, key):
                last[outcome.fact] = (outcome, fingerprint)
        if "unlearning_plan" in step.facts:
            sync_run_partitions(context.instance, partition_keys(study.lake))
        for outcome, fingerprint in last.values():
            yield _result(outcome, fingerprint)

    return assets


def _run_once(step: Step, study: StudyResource, partition: str | None) -> list[tuple[Outcome, str]]:
    started = Timer()
    part: Part | None = int(partition) if partition and step.parts == "shards" else partition
    share = 1 / study.study.sampling.shards if step.parts == "shards" else 1.0
    label = step.facts[0] if part is None else f"{step.facts[0]} {partition_name(part)}"
    with step_of_run(step.name, label, share):
        results = make_step(step, study.study, study.lake, part)
    finished(step.name, share, all(outcome.reused for outcome, _ in results))
    if step.parts != "runs":  # `run` says a line per unlearning run
        for outcome, _ in results:
            print_progress(made_line(outcome, started, part))
    return results


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
