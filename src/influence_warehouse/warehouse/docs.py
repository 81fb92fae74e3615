"""dbt's own documentation of the tables, as one page that opens without a server.

Belongs here: making that page and the manifest it rests on. Does not belong here: the data
dictionary (`dictionary`), which says the same about the marts in fewer words.
"""

from pathlib import Path

from influence_warehouse.lake.facts import write_atomically
from influence_warehouse.lake.fingerprint import digest_of_file
from influence_warehouse.lake.layout import Home
from influence_warehouse.warehouse.build import dbt_environment, dbt_project_folder
from influence_warehouse.warehouse.dbt_cache import keep, parsed_before, restore
from influence_warehouse.warehouse.dbt_manifest import run_dbt


def docs_page(home: Home) -> Path:
    """dbt's documentation page; `manifest.json` stands beside it.

    Both are about the project and not about a study, so no database is opened, no path of this
    machine is in them, and they are made once for all homes until the project changes.
    """
    folder = home.runs / "dbt_docs"
    page, stamp = folder / "static_index.html", folder / "project.digest"
    digest = digest_of_file(dbt_project_folder())
    if page.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return page
    made = (folder / "manifest.json", page)
    if not all(restore(file, dbt_project_folder()) for file in made):
        _generate(home, folder)
        for file in made:
            keep(file, dbt_project_folder())
    write_atomically(stamp, lambda part: part.write_text(digest, encoding="utf-8"))
    return page


def _generate(home: Home, folder: Path) -> None:
    environment = dbt_environment(home, None) | {
        "INFLUENCE_LAKE": "lake",
        "INFLUENCE_RECORDS": "runs",
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(folder),
    }
    with parsed_before(folder, dbt_project_folder()):
        run_dbt(environment, "parse")
    run_dbt(environment, "docs", "generate", "--static", "--no-compile", "--empty-catalog")
