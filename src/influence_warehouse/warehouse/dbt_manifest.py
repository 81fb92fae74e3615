"""dbt's manifest of a study's home: parsed once, before Dagster reads it in many processes.

Belongs here: when it is stale and how it is made. Does not belong here: building (`build`).
"""

import subprocess
from pathlib import Path

from influence_warehouse.children import child_environment, python
from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.facts import write_atomically
from influence_warehouse.lake.fingerprint import digest_of_file
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.build import (
    dbt_environment,
    dbt_folder,
    dbt_project_folder,
)
from influence_warehouse.warehouse.dbt_cache import parsed_before


def manifest_path(home: Home) -> Path:
    """Where the manifest of a home is."""
    return home.runs / "dbt" / "manifest.json"


def prepare_manifest(home: Home, study: Study) -> Path:
    """Parse the dbt project unless the manifest is of exactly these files.

    Raises WarehouseError with dbt's message when the project does not parse.
    """
    path = manifest_path(home)
    stamp = path.with_name("manifest.digest")
    digest = digest_of_file(dbt_project_folder())
    if path.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return path
    with parsed_before(dbt_folder(home), dbt_project_folder()):
        run_dbt(dbt_environment(home, study), "parse")
    write_atomically(stamp, lambda part: part.write_text(digest, encoding="utf-8"))
    return path


def run_dbt(environment: dict[str, str], *command: str) -> None:
    """Run a dbt command that builds nothing, in a process of its own.

    Raises WarehouseError with dbt's message when it fails.
    """
    finished = subprocess.run(
        python("-m", "dbt.cli.main", "--quiet", *command),
        env=child_environment(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise WarehouseError(
            f"{dbt_project_folder()}: `dbt {' '.join(command)}` fails:\n"
            f"{finished.stdout[-2000:]}{finished.stderr[-2000:]}"
            "Remedy: undo the last change under dbt/."
        )
