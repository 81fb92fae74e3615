"""Running a study in this process: its jobs in order, with readable progress and errors.

Used by `influence run`; the UI and the user's own schedules start the same jobs.
"""

from typing import Literal

import dagster as dg

from dagster_project.partitions import RUNS_BY_KIND, shards
from dagster_project.settings import settings
from influence_warehouse.errors import HealthError
from influence_warehouse.lake.records import failure_of
from influence_warehouse.pipeline.side_by_side import side_by_side
from influence_warehouse.pipeline.steps import RUNS, is_run_done, run_line
from influence_warehouse.planning.weights import step_weights
from influence_warehouse.progress import finished, print_progress, step_of_run, whole_run, working

# Dagster's own event log would bury the progress lines; the UI shows it.
_LOGGERS = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

# Jobs whose partitions are runs, each in a Dagster run of its own: the kind, and the fact whose
# partitions the UI shows.
_JOBS_OF_RUNS = {
    "unlearn": ("runs", "unlearned_predictions"),
    "retrain": ("retrainings", "retrained_predictions"),
}

Stage = Literal["prepare", "attribution", "plan", "unlearning", "retraining"]


def run_study(stage: Stage | None = None) -> None:
    """Materialize what is missing or stale, in process: one stage, or all.

    Raises the library's own errors; of failed runs after the others are done and judged.
    """
    from dagster_project.definitions import defs
    from dagster_project.jobs import attribution_jobs, prepare, retraining_jobs, unlearning_jobs

    chosen = {
        "prepare": [prepare],
        "attribution": attribution_jobs,
        "plan": [*unlearning_jobs[:1], *retraining_jobs[:1]],
        "unlearning": unlearning_jobs,
        "retraining": retraining_jobs,
    }
    failed: dict[str, list[str]] = {}
    with dg.DagsterInstance.get() as instance, whole_run() as whole:
        for job in (
            chosen[stage] if stage else [*attribution_jobs, *unlearning_jobs, *retraining_jobs]
        ):
            print_progress(f"RUN  {job.name}")
            whole.expect(_weights(stage))
            definition = defs.resolve_job_def(job.name)
            if job.name in _JOBS_OF_RUNS:
                failed[job.name] = _run_each(definition, instance)
            else:
                _run_job(definition, instance)
    problems = [
        f"{len(keys)} {RUNS[_JOBS_OF_RUNS[job][0]]} runs failed, the others are done and judged:"
        + "".join(f"\n  {key}" for key in keys)
        for job, keys in failed.items()
        if keys
    ]
    if problems:
        remedy = "\nRemedy: run the study again; only these are tried again."
        raise HealthError("\n".join(problems) + remedy)


_SCORES = frozenset({"make_document_scores", "make_inference", "dbt_models"})
_UNLEARNING = frozenset({"unlearning", "unlearning_models"})
_RETRAINING = frozenset({"retraining", "retraining_models"})
_PAGES = frozenset({"charts", "report"})


def _weights(stage: Stage | None) -> dict[str, float]:
    """Of the steps that this stage has, those that take long."""
    found = step_weights(settings().study, settings().lake)
    chosen = {
        None: found.keys(),
        "prepare": found.keys() - _SCORES - _PAGES - _UNLEARNING - _RETRAINING,
        "attribution": found.keys() - _UNLEARNING - _RETRAINING,
        "plan": set[str](),
        "unlearning": _UNLEARNING | _PAGES,
        "retraining": _RETRAINING | _PAGES,
    }
    return {step: found[step] for step in chosen[stage] if step in found}


def _run_each(job: dg.JobDefinition, instance: dg.DagsterInstance) -> list[str]:
    """Each run in a Dagster run of its own; keys with errors of those that failed."""
    kind, fact = _JOBS_OF_RUNS[job.name]
    stage = RUNS[kind]
    keys = RUNS_BY_KIND[kind].get_partition_keys(dynamic_partitions_store=instance)
    shown = set(instance.get_materialized_partitions(dg.AssetKey(fact)))
    study, lake = settings().study, settings().lake
    unmade = [key for key in keys if not is_run_done(kind, study, lake, key)]
    failed = []
    finished(stage, 1 - len(unmade) / max(len(keys), 1), reused=True)
    with (
        step_of_run(stage, stage),
        working(stage, len(unmade), "runs") as activity,
        side_by_side(kind, study, lake, unmade) as wait_for,
    ):
        for number, key in enumerate(keys, start=1):
            place = f"{number:>{len(str(len(keys)))}}/{len(keys)}"
            if key in shown and key not in unmade:
                print_progress(f"KEPT {place} {run_line(kind, lake, key)}")
                continue
            wait_for(key)
            # Whatever went wrong stands in the failure's file: no error may stop the others.
            result = job.execute_in_process(
                _LOGGERS, instance=instance, partition_key=key, raise_on_error=False
            )
            if result.success:
                print_progress(f"OK   {place} {run_line(kind, lake, key)}")
            else:
                error = failure_of(lake.home, key) or "`influence ui` shows the run's events"
                failed.append(f"{key}: {error}")
                print_progress(f"FAIL {place} {failed[-1]}")
            activity.advance()
    finished(stage)
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
