"""Running a study in this process: its jobs in order, with readable progress and errors.

Used by `influence run`; the UI and the user's own schedules start the same jobs.
"""

from typing import Literal

import dagster as dg

from dagster_project.partitions import runs, shards
from dagster_project.settings import settings
from influence_warehouse.errors import HealthError
from influence_warehouse.lake.records import failure_of
from influence_warehouse.pipeline.side_by_side import side_by_side
from influence_warehouse.planning.weights import step_weights
from influence_warehouse.progress import finished, print_progress, step_of_run, whole_run, working

# Dagster's own event log would bury the progress lines; the UI shows it.
_LOGGERS = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Stage = Literal["prepare", "attribution", "plan", "unlearning"]


def run_study(stage: Stage | None = None) -> None:
    """Materialize what is missing or stale, in process: one stage, or all.

    Raises the library's own errors; of unlearning runs after the others are done and judged.
    """
    from dagster_project.definitions import defs
    from dagster_project.jobs import attribution_jobs, prepare, unlearning_jobs

    chosen = {
        "prepare": [prepare],
        "attribution": attribution_jobs,
        "plan": unlearning_jobs[:1],
        "unlearning": unlearning_jobs,
    }
    failed: list[str] = []
    with dg.DagsterInstance.get() as instance, whole_run() as whole:
        for job in chosen[stage] if stage else [*attribution_jobs, *unlearning_jobs]:
            print_progress(f"RUN  {job.name}")
            whole.expect(_weights(stage))
            definition = defs.resolve_job_def(job.name)
            if job.name == "unlearn":
                failed = _run_each(definition, instance)
            else:
                _run_job(definition, instance)
    if failed:
        raise HealthError(
            f"{len(failed)} unlearning runs failed, the others are done and judged:\n  "
            + "\n  ".join(failed)
            + "\nRemedy: run the study again; only these are tried again."
        )


_SCORES = frozenset({"make_document_scores", "make_inference", "dbt_models"})
_UNLEARNING = frozenset({"unlearning", "unlearning_models"})
_PAGES = frozenset({"charts", "report"})


def _weights(stage: Stage | None) -> dict[str, float]:
    """Of the steps that this stage has, those that take long."""
    found = step_weights(settings().study, settings().lake)
    chosen = {
        None: found.keys(),
        "prepare": found.keys() - _SCORES - _PAGES - _UNLEARNING,
        "attribution": found.keys() - _UNLEARNING,
        "plan": set[str](),
        "unlearning": _UNLEARNING | _PAGES,
    }
    return {step: found[step] for step in chosen[stage] if step in found}


def _run_each(job: dg.JobDefinition, instance: dg.DagsterInstance) -> list[str]:
    """Each unlearning run in a Dagster run of its own; keys with errors of those that failed."""
    from influence_warehouse.unlearning.runs import is_done, progress_line

    keys = runs.get_partition_keys(dynamic_partitions_store=instance)
    shown = set(instance.get_materialized_partitions(dg.AssetKey("unlearned_predictions")))
    study, lake = settings().study, settings().lake
    unmade = [key for key in keys if not is_done(study, lake, key)]
    failed = []
    finished("unlearning", 1 - len(unmade) / max(len(keys), 1), reused=True)
    with (
        step_of_run("unlearning", "unlearning"),
        working("unlearning", len(unmade), "runs") as activity,
        side_by_side(study, lake, unmade) as wait_for,
    ):
        for number, key in enumerate(keys, start=1):
            place = f"{number:>{len(str(len(keys)))}}/{len(keys)}"
            if key in shown and key not in unmade:
                print_progress(f"KEPT {place} {progress_line(lake, key)}")
                continue
            wait_for(key)
            # Whatever went wrong stands in the failure's file: no error may stop the others.
            result = job.execute_in_process(
                _LOGGERS, instance=instance, partition_key=key, raise_on_error=False
            )
            if result.success:
                print_progress(f"OK   {place} {progress_line(lake, key)}")
            else:
                error = failure_of(lake.home, key) or "`influence ui` shows the run's events"
                failed.append(f"{key}: {error}")
                print_progress(f"FAIL {place} {failed[-1]}")
            activity.advance()
    finished("unlearning")
    return failed


def _run_job(job: dg.JobDefinition, instance: dg.DagsterInstance) -> None:
    tags = {}
    if job.partitions_def is not None:
        keys = shards.get_partition_keys()
        tags = {
            "dagster/asset_partition_range_start": keys[0],
            "dagster/asset_partition_range_end": keys[-1],
        }
    try:
        result = job.execute_in_process(_LOGGERS, instance=instance, tags=tags)
    except dg.DagsterError as error:
        raise HealthError(f"{job.name}: a blocking check failed:\n{error}") from error
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    for check in failed:
        print_progress(f"WARN {check.asset_key.to_user_string()}: {check.check_name}")
