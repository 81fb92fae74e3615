"""The report of a study: one folder of pages that open offline, from the published copy.

Belongs here: making the folder, in a temporary place and then swapped in whole. Does not
belong here: what is on a page (`sections`), its data (`page_data`), its markup (templates/).
Whatever a document, label or study says reaches a page through the templates' escaping or
`ScriptSafeEncoder`; beside that the pages' policy forbids any script but the report's own files.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from influence_warehouse import __version__
from influence_warehouse.lake.fingerprint import digest_of_file
from influence_warehouse.lake.folders import replaced_folder
from influence_warehouse.lake.layout import Home
from influence_warehouse.progress import counted
from influence_warehouse.reports import page_data
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.gallery import chart_of
from influence_warehouse.reports.labels import own_words
from influence_warehouse.reports.lineage import facts_of_marts, made_facts
from influence_warehouse.reports.published import groupings
from influence_warehouse.reports.sections import Section, sections
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.dictionary import anchor_of
from influence_warehouse.warehouse.docs import docs_page
from influence_warehouse.warehouse.query import named_queries

# Opened as a file, a page's own origin is not comparable to its neighbours'; hence `file:`.
POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
_ASSETS = ("report.css", "report.js")
_FIXED_PAGES = {
    "dictionary": "What does a column mean?",
    "statistics": "Statistics",
    "provenance": "Where is a number from?",
}


def write_report(home: Home, study: Study | None, name: str) -> Path:
    """Make the report of the published copy and return its `index.html`.

    `study` is None for an imported one; `name` is what commands call it. Equal tables, facts
    and software give equal bytes, but for dbt's page, which carries its time. Raises
    WarehouseError when the published copy is missing or cannot be read, dbt fails, or the disk
    refuses; an earlier report is left as it was.
    """
    remedy = "free disk space or choose a writable folder with --warehouse DIR."
    with replaced_folder(home.report, "the report", remedy) as part:
        _write_pages(home, study, name, part)
    return home.report / "index.html"


def _write_pages(home: Home, study: Study | None, name: str, folder: Path) -> None:
    tables = page_data.published_tables(home)
    called = groupings(home)
    plans = [
        replace(plan, lead=own_words(plan.lead, called))
        for plan in sections({name: chart_of(name) for name in CHARTS}, named_queries())
    ]
    planned = counted(plans, "report", "pages")
    contents = {plan: page_data.contents(home, name, plan, tables) for plan in planned}
    shown = {plan: content for plan, content in contents.items() if not content.is_empty}
    docs = docs_page(home)
    render = _Renderer(folder, _shared(home, study, shown, docs))
    for plan, content in shown.items():
        render(f"{plan.slug}.html", "section.html", plan.title, section=plan, **vars(content))
    render(
        "index.html",
        "index.html",
        f"Study {home.study}",
        shown=shown,
        left_out=[(plan, found.why_empty) for plan, found in contents.items() if found.is_empty],
        description=study.description if study else "",
        findings=page_data.findings_text(home),
    )
    _write_fixed_pages(render, study)
    _write_assets(folder, docs)


def _shared(
    home: Home, study: Study | None, shown: Mapping[Section, page_data.Contents], docs: Path
) -> dict[str, Any]:
    """What every page may say: the study, the other pages, and where the numbers are from."""
    reads = sorted({mart for content in shown.values() for mart in content.reads})
    upstream = facts_of_marts(docs.with_name("manifest.json"), reads)
    facts = {fact for found in upstream.values() for fact in found}
    made = made_facts(home, page_data.with_needs(study, facts))
    # Some facts are of imports alone, or of studies that unlearn: what is not there made nothing.
    behind = {mart: [fact for fact in found if fact in made] for mart, found in upstream.items()}
    return {
        "study": home.study,
        "version": __version__,
        "database": digest_of_file(home.database),
        "policy": POLICY,
        "pages": _pages(shown),
        "behind": behind,
        "made": made,
        "about": page_data.about(home, study),
    }


def _write_fixed_pages(render: "_Renderer", study: Study | None) -> None:
    data: dict[str, dict[str, Any]] = {
        "dictionary": {"marts": page_data.described_marts()},
        "statistics": {"chapters": page_data.statistics_chapters()},
        "provenance": {"needs": page_data.needs(study)},
    }
    for slug, title in _FIXED_PAGES.items():
        render(f"{slug}.html", f"{slug}.html", title, **data[slug])


def _pages(shown: Iterable[Section]) -> list[dict[str, str]]:
    slugs = ["index", *(section.slug for section in shown), *_FIXED_PAGES]
    pages = [{"file": f"{slug}.html", "short": slug.capitalize()} for slug in slugs]
    pages[0]["short"] = "Overview"
    return [*pages, {"file": "dbt/index.html", "short": "dbt"}]


def _write_assets(folder: Path, docs: Path) -> None:
    import vl_convert

    templates = files("influence_warehouse.reports") / "templates"
    for name in _ASSETS:
        (folder / name).write_bytes((templates / name).read_bytes())
    # One copy of Vega, Vega-Lite and Vega-Embed for all pages; the stub asks for a snippet, which
    # is optional.
    vega = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    (folder / "vega.js").write_text(vega, encoding="utf-8")
    (folder / "dbt").mkdir()
    shutil.copyfile(docs, folder / "dbt" / "index.html")


class _Renderer:
    """Writes pages from templates that escape whatever they are given."""

    def __init__(self, folder: Path, shared: dict[str, Any]):
        self._folder, self._shared = folder, shared
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("influence_warehouse.reports"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["anchor"] = anchor_of
        self._templates.filters["setting"] = page_data.setting_text

    def __call__(self, file: str, template: str, title: str, **data: Any) -> None:
        """Write one page; a name that a template reads and nobody gave is an error."""
        page = self._templates.get_template(template).render(
            **self._shared, file=file, title=title, **data
        )
        (self._folder / file).write_text(page, encoding="utf-8")
