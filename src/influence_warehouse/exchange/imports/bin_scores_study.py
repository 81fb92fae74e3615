"""An import from files to charts: facts, marts, published copy.

Belongs here: the order of an import's parts. Does not belong here: the parts.
"""

from collections.abc import Iterable, Iterator

from influence_warehouse.exchange.imports.bin_facts import import_bin_scores
from influence_warehouse.exchange.imports.study import ImportedStudy
from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.layout import Home, warehouse_root
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish


def make_study(study: ImportedStudy) -> Iterator[str]:
    """Import a study's files and build all that follows; yields what was done, for people.

    Readers of an earlier import see its published copy until the new one replaces it.
    """
    home = Home(warehouse_root(), study.name)
    yield from build_study(home, import_bin_scores(study, Lake(home)))


def build_study(home: Home, outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Build all that follows from the facts of an import; yields what was done, for people."""
    for outcome in outcomes:
        if outcome.rows:
            state = "as it was" if outcome.reused else "written"
            yield f"{outcome.fact:<24} {outcome.rows:>9,} rows {state}"
    report = build_warehouse(None, Lake(home))
    nodes = sum(report["nodes"].values())
    yield f"marts: {nodes} models and tests passed in {report['seconds']:.0f} s"
    yield f"published: {publish(home, None)}"
    from influence_warehouse.reports.gallery import draw_all

    drawn = sum(len(paths) for _, paths in draw_all(home))
    yield f"charts: {drawn} files in {home.charts}"
    yield f"Next: influence query top_topics --study {home.study}"
