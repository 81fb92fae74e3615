"""Jobs: a study in parts, since shards and runs of a plan are partitions and the rest is not.

Does not belong here: running them (`run`, the UI, a schedule of the user's own).
"""

from collections.abc import Iterable

import dagster as dg

from dagster_project.assets.reports import report
from dagster_project.assets.warehouse import (
    influence_duckdb,
    retraining_models,
    unlearning_models,
)
from dagster_project.partitions import RUNS_BY_KIND, shards
from dagster_project.settings import settings
from influence_warehouse.pipeline.steps import RUNS, Step, steps
from influence_warehouse.reports.charts import CHARTS, RETRAINING_CHARTS, UNLEARNING_CHARTS

_steps = steps(settings().study)
_first_sharded = next(place for place, step in enumerate(_steps) if step.parts == "shards")
_unlearning = [step for step in _steps[_first_sharded:] if step.stage == "unlearning"]
_retraining = [step for step in _steps if step.stage == "retraining"]


def _facts(chosen: Iterable[Step]) -> dg.AssetSelection:
    return dg.AssetSelection.assets(*(fact for step in chosen for fact in step.facts))


_prepared = _facts(_steps[:_first_sharded])
_scored = _facts(step for step in _steps if step.parts == "shards")
# Tables of retraining are compared with the facts of unlearning: they follow from either.
_grades = dg.AssetSelection.assets(
    retraining_models, *(f"chart_{name}" for name in RETRAINING_CHARTS)
)
_after_choice = (
    _facts(_unlearning)
    | dg.AssetSelection.assets(unlearning_models, *(f"chart_{name}" for name in UNLEARNING_CHARTS))
    | _grades
)
_after_retraining = _facts(_retraining) | _grades
_concluded = dg.AssetSelection.all() - _prepared - _scored
# Without a stage its tables and charts are empty, and made with the others.
if _unlearning:
    _concluded = _concluded - _after_choice
if _retraining:
    _concluded = _concluded - _after_retraining

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


_VERBS = {"runs": "unlearn", "retrainings": "retrain"}
# All charts: those whose rows did not change are kept, and are known to be current.
_published = dg.AssetSelection.assets(
    influence_duckdb, report, *(f"chart_{name}" for name in CHARTS)
)


def _jobs_of_runs(kind: str, of: list[Step], tables: dg.AssetSelection) -> list:
    """Of a stage whose parts are runs: the plan, the runs, and what follows from them."""
    if not of:
        return []
    stage, verb = RUNS[kind], _VERBS[kind]
    first_run = [step.parts for step in of].index(kind)
    planned, made = _facts(of[:first_run]), _facts(step for step in of if step.parts == kind)
    return [
        dg.define_asset_job(
            f"plan_{stage}",
            selection=planned,
            description=f"Runs of {stage} that there are to do, and checked sets of documents.",
        ),
        dg.define_asset_job(
            verb,
            selection=made,
            partitions_def=RUNS_BY_KIND[kind],
            description=f"Runs of {stage}: a model that is changed, and its answers.",
        ),
        dg.define_asset_job(
            f"publish_{stage}",
            selection=(tables - planned - made) | _published,
            description=f"Tests and tables of {stage}, the published copy, charts and report.",
        ),
    ]


unlearning_jobs = _jobs_of_runs("runs", _unlearning, _after_choice)
retraining_jobs = _jobs_of_runs("retrainings", _retraining, _after_retraining)
jobs = [*attribution_jobs, *unlearning_jobs, *retraining_jobs]
