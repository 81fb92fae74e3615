"""Warehouse: the dbt models and the published read-only copy."""

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets
from dagster_dbt.errors import DagsterDbtError

from dagster_project.dbt_translator import WarehouseTranslator
from dagster_project.materialization import WRITER_POOL
from dagster_project.resources import StudyResource
from dagster_project.settings import settings
from influence_warehouse.children import adopt_environment
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.lake.layout import Home
from influence_warehouse.progress import finished, print_progress, step_of_run
from influence_warehouse.warehouse.build import (
    build_failure,
    dbt_environment,
    prepare_build,
    table_states,
)
from influence_warehouse.warehouse.dbt_manifest import manifest_path
from influence_warehouse.warehouse.publish import SCHEMA

# Tables that follow from runs; the others choose what is run.
_UNLEARNING, _RETRAINING = "tag:unlearning", "tag:retraining"


def _dbt_build(name: str, select: str, exclude: str = "") -> dg.AssetsDefinition:
    @dbt_assets(
        manifest=manifest_path(settings().home),
        name=name,
        select=select,
        exclude=exclude,
        dagster_dbt_translator=WarehouseTranslator(),
        pool=WRITER_POOL,
    )
    def models(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, study: StudyResource
    ) -> Iterator:
        """Build and test tables; dbt is the only writer of build.duckdb."""
        prepare_build(study.lake)
        adopt_environment(dbt_environment(study.home, study.study))
        run = dbt.cli(["build"], context=context, target_path=study.home.runs / "dbt")
        # dbt's own lines go to its log; a person sees the checks and tables in the UI.
        log = study.home.runs / "dbt" / f"{name}.log"
        try:
            with step_of_run(name, "tables"), log.open("w") as stream, redirect_stdout(stream):
                events = list(run.stream())
        except DagsterDbtError as error:
            raise build_failure(study.home) from error
        yield from _with_states(events, study.home)
        finished(name)
        print_progress(f"OK   {name} (log: {log})")

    return models


def _with_states(events: list[Any], home: Home) -> Iterator:
    """dbt's events, those of tables with their rows, and a data version that follows from them.

    Read at once when dbt has ended: dagster-dbt's own `fetch_row_counts` waits for that, too, for
    DuckDB lets nobody read beside a writer, and takes a core away from dbt until then.
    """
    states = table_states(home)
    for event in events:
        node = event.metadata.get("unique_id") if isinstance(event, dg.Output) else None
        state = states.get(str(node.value).rpartition(".")[2]) if node else None
        if state is None:
            yield event
            continue
        yield dg.Output(
            event.value,
            event.output_name,
            metadata={**event.metadata, "dagster/row_count": state.rows},
            data_version=dg.DataVersion(state.digest),
        )


dbt_models = _dbt_build("dbt_models", "fqn:*", exclude=f"{_UNLEARNING} {_RETRAINING}")
unlearning_models = _dbt_build("unlearning_models", _UNLEARNING)
retraining_models = _dbt_build("retraining_models", _RETRAINING)


def _marts() -> list[str]:
    """Names of the tables that are published: those in the schema of marts."""
    manifest = json.loads(manifest_path(settings().home).read_text(encoding="utf-8"))
    nodes = manifest["nodes"].values()
    return sorted(
        n["name"] for n in nodes if n["resource_type"] == "model" and n["schema"] == SCHEMA
    )


@dg.asset(
    group_name="warehouse",
    kinds={"duckdb"},
    deps=_marts(),
    pool=WRITER_POOL,
)
def influence_duckdb(study: StudyResource) -> dg.MaterializeResult:
    """The read-only DuckDB file that analysts open: the marts, swapped in whole."""
    from influence_warehouse.warehouse.publish import publish

    path = publish(study.home, study.study)
    states = table_states(study.home)
    return dg.MaterializeResult(
        metadata={"path": dg.MetadataValue.path(path), "bytes": path.stat().st_size},
        data_version=dg.DataVersion(digest_of({name: s.digest for name, s in states.items()})),
    )


assets = [dbt_models, unlearning_models, retraining_models, influence_duckdb]
