"""An import of document scores from files to charts.

Belongs here: the order of its parts. Does not belong here: the parts.
"""

from collections.abc import Iterator

from influence_warehouse.exchange.imports.bin_scores_study import build_study
from influence_warehouse.exchange.imports.document_facts import import_document_scores
from influence_warehouse.exchange.imports.document_study import ScoredDocuments
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home, warehouse_root


def make_study(study: ScoredDocuments) -> Iterator[str]:
    """Import a study's files and build all that follows; yields what was done, for people.

    Readers of an earlier import see its published copy until the new one replaces it.
    """
    home = Home(warehouse_root(), study.name)
    made = import_document_scores(study, Lake(home))
    if made.suspicion:
        yield f"WARN {made.suspicion}"
    if made.n_without_score:
        yield f"{made.n_without_score:,} documents without a score are left out"
    yield from build_study(home, made.outcomes)
