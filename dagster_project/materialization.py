"""How an outcome of the library becomes a Dagster result: row counts, schema, fingerprint.

Does not belong here: any decision on what to make; the library's stages take it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from dagster_project.partitions import BY_PARTS, sync_run_partitions
from dagster_project.resources import StudyResource
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Outcome, Part
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.records import Timer
from influence_warehouse.pipeline.making import made_line, make_step
from influence_warehouse.pipeline.side_by_side import Results, Taken, helped
from influence_warehouse.pipeline.steps import RUNS, Step, planned_runs
from influence_warehouse.progress import finished, print_progress, step_of_run

# One writer at a time on one study's home: runs that share it queue for this pool.
WRITER_POOL = "warehouse_writer"

# Results of steps that are folders or inputs, not Parquet facts of the lake.
FOLDERS = {
    "planted_documents": "The demo's documents and items, generated with a known truth.",
    "planted_model": "The demo's language model, trained on the planted documents.",
    "training_checkpoints": "States of the demo's training, with the optimizer's.",
    "method_preparation": "What methods are fitted with: second moments, weights of words.",
    "query_index": "Queries' side of scores: projected gradients of all benchmarks' queries.",
    "unlearned_models": "LoRA adapters that make the model forget, one folder per run.",
}


def step_assets(step: Step) -> dg.AssetsDefinition:
    """The assets of one step of the library, partitioned where the step is in parts."""

    @dg.multi_asset(
        name=step.name,
        specs=[_spec(step, fact) for fact in step.facts],
        partitions_def=BY_PARTS.get(step.parts or ""),
        # One run scores a whole range of shards, so that the model is not started per shard;
        # runs of a plan fail and are retried one by one.
        backfill_policy=dg.BackfillPolicy.single_run() if step.parts == "shards" else None,
        pool=WRITER_POOL,
    )
    def assets(
        context: dg.AssetExecutionContext, study: StudyResource
    ) -> Iterator[dg.MaterializeResult]:
        study.home.create()
        made: dict[str, list[tuple[Outcome, str]]] = {fact: [] for fact in step.facts}
        keys = step.part_keys(study.study, study.lake)
        share = 1.0 if step.is_of_runs else 1 / max(1, len(keys))
        chosen = context.partition_keys if step.is_partitioned else keys
        with helped(step, study.study, study.lake, chosen) as taken:
            for key in chosen:
                for outcome, fingerprint in _run_once(step, study, key, share, taken):
                    made[outcome.fact].append((outcome, fingerprint))
        for kind, stage in RUNS.items():
            if f"{stage}_plan" in step.facts:
                planned = planned_runs(kind, study.study, study.lake)
                sync_run_partitions(context.instance, kind, planned)
        for outcomes in made.values():
            yield _result(outcomes)

    return assets


def _run_once(
    step: Step,
    study: StudyResource,
    part: Part | None,
    share: float,
    taken: Callable[[Part | None], Taken | None],
) -> Results:
    started = Timer()
    label = step.facts[0] if part is None else f"{step.facts[0]} {part}"
    with step_of_run(step.name, label, share):
        others = taken(part)
        results = others[0] if others else make_step(step, study.study, study.lake, part)
    seconds = others[1] if others else started.seconds
    finished(step.name, share, all(outcome.reused for outcome, _ in results))
    if not step.is_of_runs:  # `run` says a line per run
        for outcome, _ in results:
            print_progress(made_line(outcome, seconds, part))
    return results


def _spec(step: Step, fact: str) -> dg.AssetSpec:
    contract = CONTRACTS.get(fact)
    if contract is None:
        return dg.AssetSpec(
            fact,
            group_name=step.stage,
            deps=list(step.upstream),
            description=FOLDERS[fact],
            kinds={"torch"},
        )
    columns = [dg.TableColumn(name, str(dtype)) for name, dtype in contract.columns.items()]
    return dg.AssetSpec(
        fact,
        group_name=step.stage,
        deps=list(step.upstream),
        description=f"{contract.description} Key: {', '.join(contract.key)}.",
        kinds={"parquet"},
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
    )


def _result(outcomes: list[tuple[Outcome, str]]) -> dg.MaterializeResult:
    """Of one fact, whose parts are told together."""
    first, fingerprint = outcomes[0]
    if len(outcomes) > 1:
        fingerprint = digest_of([digest for _, digest in outcomes])
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(outcome.rows for outcome, _ in outcomes),
        "reused": all(outcome.reused for outcome, _ in outcomes),
        "fingerprint": fingerprint,
        **(first.details if len(outcomes) == 1 else {"parts": len(outcomes)}),
    }
    return dg.MaterializeResult(
        asset_key=first.fact, metadata=metadata, data_version=dg.DataVersion(fingerprint)
    )
