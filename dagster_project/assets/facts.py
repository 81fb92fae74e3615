"""Facts: every step of the library as assets, grouped by stage; and where documents come from.

Does not belong here: what a step needs and makes (`influence_warehouse.pipeline.steps`).
"""

import dagster as dg

from dagster_project.materialization import step_assets
from dagster_project.settings import settings
from influence_warehouse.pipeline.steps import steps


def _corpus_source() -> dg.AssetSpec:
    """The corpus of a study that is not planted: outside, shown as the start of the lineage."""
    corpus = settings().study.corpus
    return dg.AssetSpec(
        "corpus_source",
        group_name="corpus",
        description="The corpus as the study names it.",
        metadata={"origin": str(corpus.path or corpus.hub), "licence": corpus.licence},
    )


assets: list[dg.AssetsDefinition | dg.AssetSpec] = [
    step_assets(step) for step in steps(settings().study)
]
if settings().study.planted is None:
    assets.append(_corpus_source())
