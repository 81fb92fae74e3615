"""An import from files to charts: facts, marts, published copy."""

from collections.abc import Iterator

from influence_warehouse.exchange.imports.bin_facts import import_bin_scores
from influence_warehouse.exchange.imports.document_facts import import_document_scores
from influence_warehouse.exchange.imports.document_study import ScoredDocuments
from influence_warehouse.exchange.imports.study import BinScoreFiles
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home, warehouse_root
from influence_warehouse.warehouse.build import build_warehouse
from influence_warehouse.warehouse.publish import publish


def make_study(study: BinScoreFiles | ScoredDocuments) -> Iterator[str]:
    """Import a study's files and build all that follows; yields what was done, for people.

    Readers of an earlier import see its published copy until the new one replaces it.
    """
    home = Home(warehouse_root(), study.name)
    if isinstance(study, BinScoreFiles):
        outcomes = import_bin_scores(study, Lake(home))
    else:
        made = import_document_scores(study, Lake(home))
        outcomes = made.outcomes
        if made.suspicion:
            yield f"WARN {made.suspicion}"
        if made.n_without_score:
            yield f"{made.n_without_score:,} documents without a score are left out"
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
