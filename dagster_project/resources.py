"""Resources that assets ask for: the study with its lake, and the dbt command line.

Does not belong here: configuration of the instance (dagster.yaml, written by `instance`).
"""

import sys
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource

from dagster_project.settings import Settings, settings
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.study import Study


class StudyResource(dg.ConfigurableResource):
    """The study of this code location, with its home and its lake."""

    @property
    def settings(self) -> Settings:
        return settings()

    @property
    def study(self) -> Study:
        return self.settings.study

    @property
    def home(self) -> Home:
        return self.settings.home

    @property
    def lake(self) -> Lake:
        return self.settings.lake


def dbt_resource(project: Path) -> DbtCliResource:
    """The dbt command line of this very environment, on the given project."""
    executable = Path(sys.executable).with_name("dbt")
    return DbtCliResource(
        project_dir=str(project), profiles_dir=str(project), dbt_executable=str(executable)
    )
