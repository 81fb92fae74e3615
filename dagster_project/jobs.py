"""Jobs: a study in three parts, since shards are partitions and the rest is not.

Does not belong here: running them (`run`, the UI, a schedule of the user's own).
"""

from collections.abc import Sequence

import dagster as dg

from dagster_project.partitions import shards
from dagster_project.settings import settings
from influence_warehouse.steps import Step, steps

_steps = steps(settings().study)
_first_sharded = next(position for position, step in enumerate(_steps) if step.is_sharded)


def _facts(chosen: Sequence[Step]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(fact for step in chosen for fact in step.facts))


_prepared = _facts(_steps[:_first_sharded])
_scored = _facts([step for step in _steps if step.is_sharded])

prepare = dg.define_asset_job(
    "prepare",
    selection=_prepared,
    description="Everything that scoring needs: documents, manifest, items, preconditioner.",
)
score = dg.define_asset_job(
    "score", selection=_scored, partitions_def=shards, description="Shards of scores."
)
conclude = dg.define_asset_job(
    "conclude",
    selection=dg.AssetSelection.all() - _prepared - _scored,
    description="Merged facts, tables, the published copy and charts.",
)

jobs = [prepare, score, conclude]
