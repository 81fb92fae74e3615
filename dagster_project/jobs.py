"""Jobs: a study in parts, since shards and unlearning runs are partitions and the rest is not.

Does not belong here: running them (`run`, the UI, a schedule of the user's own).
"""

from collections.abc import Iterable

import dagster as dg

from dagster_project.assets.reports import report
from dagster_project.assets.warehouse import influence_duckdb, unlearning_models
from dagster_project.partitions import runs, shards
from dagster_project.settings import settings
from influence_warehouse.pipeline.steps import Step, steps
from influence_warehouse.reports.charts import CHARTS, UNLEARNING_CHARTS

_steps = steps(settings().study)
_first_sharded = next(place for place, step in enumerate(_steps) if step.parts == "shards")
_unlearning = [step for step in _steps[_first_sharded:] if step.stage == "unlearning"]


def _facts(chosen: Iterable[Step]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(fact for step in chosen for fact in step.facts))


_prepared = _facts(_steps[:_first_sharded])
_scored = _facts(step for step in _steps if step.parts == "shards")
_after_choice = _facts(_unlearning) | dg.AssetSelection.assets(
    unlearning_models, *(f"chart_{name}" for name in UNLEARNING_CHARTS)
)
_concluded = dg.AssetSelection.all() - _prepared - _scored
# Without unlearning its tables and charts are empty, and made with the others.
if _unlearning:
    _concluded = _concluded - _after_choice

prepare = dg.define_asset_job(
    "prepare",
    selection=_prepared,
    description="Everything that scoring needs: documents, manifest, items, preconditioner.",
)
score = dg.define_asset_job(
    "score", selection=_scored, partitions_def=shards, description="Shards of scores."
)
publish_attribution = dg.define_asset_job(
    "publish_attribution",
    selection=_concluded,
    description="Merged facts, tables of influence, the published copy, charts and report.",
)
attribution_jobs = [prepare, score, publish_attribution]


def _unlearning_jobs() -> list:
    first_run = [step.parts for step in _unlearning].index("runs")
    planned = _facts(_unlearning[:first_run])
    unlearned = _facts(step for step in _unlearning if step.parts == "runs")
    return [
        dg.define_asset_job(
            "plan_unlearning",
            selection=planned,
            description="Runs that there are to do, and checked forget and retain sets.",
        ),
        dg.define_asset_job(
            "unlearn",
            selection=unlearned,
            partitions_def=runs,
            description="Unlearning runs: a model that forgets, and its answers.",
        ),
        dg.define_asset_job(
            "publish_unlearning",
            # All charts: those whose rows did not change are kept, and are known to be current.
            selection=(_after_choice - planned - unlearned)
            | dg.AssetSelection.assets(
                influence_duckdb, report, *(f"chart_{name}" for name in CHARTS)
            ),
            description="Tests and tables of damage, the published copy, charts and report.",
        ),
    ]


unlearning_jobs = _unlearning_jobs() if _unlearning else []
jobs = [*attribution_jobs, *unlearning_jobs]
