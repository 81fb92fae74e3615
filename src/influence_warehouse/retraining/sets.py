"""What each run leaves out: `retraining_sets` and `retraining_set_digests`.

A subset is regions or hashed buckets; its documents are those of the training that lie in one of
them. Belongs here: who is left out. Does not belong here: checks of it (`expectations`).
"""

from typing import Any

import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import digest_of_ids
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.retraining.plan import half_of, members_by_unit, retraining_section
from influence_warehouse.sampling.buckets import with_buckets
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.study import Study

_SUBSET = ["model", "design", "unit", "subset"]


def identity_of_retraining_sets(study: Study, lake: Lake, model: Part) -> dict[str, Any]:
    """The seed, and the number of buckets."""
    return {"seed": study.seed, "buckets": retraining_section(study).buckets}


def make_retraining_sets(task: Task) -> list[Made]:
    """Both facts of one model."""
    study, lake = task.study, task.lake
    plan = lake.read("retraining_plan", task.key)
    sets = left_out_members(study, plan, members_by_unit(study, lake))
    digests = set_digests(plan, sets, trained_documents(study, lake))
    return [Made("retraining_set_digests", digests), Made("retraining_sets", sets)]


def left_out_members(
    study: Study, plan: pl.DataFrame, members: dict[str, list[str]]
) -> pl.DataFrame:
    """Rows of `retraining_sets` of a plan; `members` as of `plan.members_by_unit`."""
    rows = []
    for model, design, unit, subset in plan.select(_SUBSET).unique().iter_rows():
        if design == "base":
            continue
        is_one = design == "leave_out"
        chosen = [subset] if is_one else half_of(members[unit], study.seed, unit, subset)
        rows += [(model, design, unit, subset, member) for member in chosen]
    return pl.DataFrame(rows, schema=CONTRACTS["retraining_sets"].columns, orient="row")


def trained_documents(study: Study, lake: Lake) -> pl.DataFrame:
    """doc_id, topic, format and bucket of every document of the training, by id.

    Topic and format are null of a document that is not sampled: such a training is not retrained
    (`expectations`).
    """
    manifest = lake.read("sampling_manifest", columns=["doc_id", "topic", "format"]).sort("doc_id")
    if study.planted is not None:
        trained = lake.read("training_batches", columns=["doc_id"]).unique().sort("doc_id")
        manifest = trained.join(manifest, on="doc_id", how="left", maintain_order="left")
    return with_buckets(manifest, study.seed, retraining_section(study).buckets)


def in_members(unit: str, members: pl.Series) -> pl.Expr:
    """Whether a row with columns topic, format and bucket lies in one of the members."""
    if unit == "bucket":
        return pl.col("bucket").is_in(members.cast(pl.Int32).implode())
    inside = [Region.parse(name).contains() for name in members]
    return pl.any_horizontal(pl.lit(False), *inside).fill_null(False)


def set_digests(plan: pl.DataFrame, sets: pl.DataFrame, documents: pl.DataFrame) -> pl.DataFrame:
    """Rows of `retraining_set_digests`; `documents` as of `trained_documents`."""
    rows = []
    for run in plan.iter_rows(named=True):
        ids = documents.filter(in_members(run["unit"], _members(sets, run)))["doc_id"]
        rows.append((run["run_id"], len(documents), len(ids), digest_of_ids(ids)))
    return pl.DataFrame(rows, schema=CONTRACTS["retraining_set_digests"].columns, orient="row")


def left_out_documents(study: Study, lake: Lake, run: dict[str, Any]) -> list[str]:
    """Ids of the documents that a run of the plan leaves out, by its stored members, sorted."""
    members = _members(lake.read("retraining_sets", run["model"]), run)
    documents = trained_documents(study, lake)
    return documents.filter(in_members(run["unit"], members))["doc_id"].to_list()


def _members(sets: pl.DataFrame, run: dict[str, Any]) -> pl.Series:
    return sets.filter(**{name: run[name] for name in _SUBSET})["member"]
