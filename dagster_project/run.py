"""Running a study in this process: the three jobs in order, with readable progress and errors.

Used by `influence run`; the UI and the user's own schedules start the same jobs.
"""

from collections.abc import Sequence

import dagster as dg

from dagster_project.materialization import say
from dagster_project.partitions import shards
from influence_warehouse.errors import HealthError

# Dagster's own event log would bury the progress lines; the UI shows it.
_LOGGERS = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_study(jobs: Sequence[str] = ("prepare", "score", "conclude")) -> None:
    """Materialize what is missing or stale, in process. Raises the library's own errors."""
    from dagster_project.definitions import defs

    with dg.DagsterInstance.get() as instance:
        for name in jobs:
            say(f"RUN  {name}")
            _run_job(defs.resolve_job_def(name), instance)


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
        say(f"WARN {check.asset_key.to_user_string()}: {check.check_name}")
