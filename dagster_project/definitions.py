"""The code location: everything that Dagster shows and runs for one study."""

import dagster as dg

from dagster_project.assets import facts, reports, warehouse
from dagster_project.checks import checks
from dagster_project.jobs import jobs
from dagster_project.resources import StudyResource, dbt_resource
from influence_warehouse.warehouse.build import dbt_project_folder

defs = dg.Definitions(
    assets=[*facts.assets, *warehouse.assets, *reports.assets],
    asset_checks=checks,
    jobs=jobs,
    resources={"study": StudyResource(), "dbt": dbt_resource(dbt_project_folder())},
    executor=dg.in_process_executor,
)
