"""Which study this code location shows, read from the environment once.

INFLUENCE_STUDY is a preset's name or a YAML path (default: demo), INFLUENCE_WAREHOUSE the
root of all homes. Belongs here: nothing else; what a study means is the library's.
"""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home, warehouse_root
from influence_warehouse.study.load import load_study
from influence_warehouse.study.study import Study


@dataclass(frozen=True)
class Settings:
    """The study and its home; `name` is what commands call it, a file's without its folder."""

    name: str
    study: Study
    home: Home

    @property
    def lake(self) -> Lake:
        return Lake(self.home)


@cache
def settings() -> Settings:
    """Settings of this process. Raises StudyError for an invalid study."""
    given = os.environ.get("INFLUENCE_STUDY", "demo")
    study = load_study(given)
    return Settings(Path(given).name, study, Home(warehouse_root(), study.name))
