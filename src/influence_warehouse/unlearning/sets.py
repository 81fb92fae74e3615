"""Forget and retain sets: `forget_sets`, `retain_sets`, `unlearning_set_digests`.

Every forget set has `forget_documents` documents. influence_*: those of the region with the
highest mean score for the benchmark, so the seed does not change the set. random_*: the first
by a keyed hash of (study seed, benchmark, condition, region, set, doc_id), drawn from the whole
region, so they may share documents with the influential ones, and are the same for all methods.
Retain and probe documents come from topics (or formats) of no region that the method chose and
from none of its forget sets; they follow from the run's seed.
Belongs here: who is in which set. Does not belong here: checks of it (expectations).
"""

from typing import Any

import duckdb
import polars as pl

from influence_warehouse.errors import InputError
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import digest_of_ids
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.plan import unlearning_section

_DRAW = """
    select doc_id, bin_id
    from candidates
    order by sha256($key || ':' || doc_id), doc_id
    limit $count
"""


def identity_of_unlearning_sets(study: Study, lake: Lake, cell: Part) -> dict[str, Any]:
    """The seed, and how large the sets are."""
    settings = unlearning_section(study)
    sizes = [settings.forget_documents, settings.retain_documents, settings.probe_documents]
    return {"seed": study.seed, "sizes": sizes}


def make_unlearning_sets(task: Task) -> list[Made]:
    """The three facts of a method. Raises InputError when a region has too few documents."""
    study, lake, cell = task.study, task.lake, task.key
    plan = lake.read("unlearning_plan", cell)
    documents = lake.read("sampling_manifest", columns=["doc_id", "topic", "format", "bin_id"])
    scores = document_scores(study, lake, cell, plan["benchmark"].unique().to_list())
    forget = forget_sets(study, plan, documents, scores)
    retain = retain_sets(study, plan, documents, forget["doc_id"])
    return [
        Made("retain_sets", retain),
        Made("unlearning_set_digests", set_digests(plan, forget, retain)),
        Made("forget_sets", forget),
    ]


def document_scores(study: Study, lake: Lake, cell: Part, benchmarks: list[str]) -> pl.DataFrame:
    """benchmark, doc_id and mean score over all shards, by one method."""
    shards = [lake.scan("document_scores", part) for part in shards_of(study, cell)]
    ours = pl.col("benchmark").is_in(benchmarks)
    return pl.concat(shards).filter(ours).select("benchmark", "doc_id", "score").collect()


def forget_sets(
    study: Study, plan: pl.DataFrame, documents: pl.DataFrame, scores: pl.DataFrame
) -> pl.DataFrame:
    """Rows of `forget_sets`: `forget_documents` documents for each row of one method's `plan`.

    `documents`: doc_id, topic, format, bin_id; `scores`: benchmark, doc_id, score.
    Influence ranks count from 1, ties by doc_id; null in random conditions.
    """
    count = unlearning_section(study).forget_documents
    parts = []
    for run in plan.sort("run_id").iter_rows(named=True):
        candidates = documents.filter(Region.parse(run["topic"]).contains())
        _require_enough(run["run_id"], candidates.height, count, "forget_documents")
        if run["condition"].startswith("influence_"):
            ranked = candidates.join(scores.filter(benchmark=run["benchmark"]), on="doc_id")
            _require_enough(run["run_id"], ranked.height, count, "forget_documents")
            rows = ranked.sort(["score", "doc_id"], descending=[True, False]).head(count)
            rows = rows.with_columns(influence_rank=pl.int_range(1, count + 1, dtype=pl.Int32))
        else:
            draw = "|".join(str(run[n]) for n in ("benchmark", "condition", "topic", "set_number"))
            rows = drawn(candidates, f"{study.seed}:{draw}", count)
            rows = rows.with_columns(influence_rank=pl.lit(None, pl.Int32))
        parts.append(
            rows.select(
                pl.lit(run["run_id"]).alias("run_id"),
                "doc_id",
                "bin_id",
                pl.lit("forget").alias("role"),
                "influence_rank",
            )
        )
    return pl.concat(parts) if parts else _empty("forget_sets")


def retain_sets(
    study: Study, plan: pl.DataFrame, documents: pl.DataFrame, forgotten: pl.Series
) -> pl.DataFrame:
    """Rows of `retain_sets`: per seed of the plan, retain documents and held-out probe ones."""
    settings = unlearning_section(study)
    retain, probe = settings.retain_documents, settings.probe_documents
    candidates = documents.filter(
        ~in_chosen_regions(plan), ~pl.col("doc_id").is_in(forgotten.unique().to_list())
    )
    parts = []
    for seed in sorted(plan["seed"].unique()):
        name = f"retain set of seed {seed}"
        _require_enough(name, candidates.height, retain + probe, "retain_documents")
        rows = drawn(candidates, f"{study.seed}:retain:{seed}", retain + probe)
        roles = pl.Series("role", ["retain"] * retain + ["probe"] * probe)
        of = [plan["model"][0], plan["method"][0]]
        named = {"model": pl.lit(of[0]), "method": pl.lit(of[1]), "seed": pl.lit(seed, pl.Int32)}
        parts.append(rows.with_columns(roles, **named))
    return pl.concat(parts) if parts else _empty("retain_sets")


def in_chosen_regions(plan: pl.DataFrame) -> pl.Expr:
    """Whether a document is of a topic that a chosen region has; of its format if it has none."""
    regions = [
        Region.parse(name) for name in plan["topic"].unique().sort() if name != Region().name
    ]
    tests = [(Region(region.topic) if region.topic else region).contains() for region in regions]
    return pl.any_horizontal(pl.lit(False), *tests)


def drawn(candidates: pl.DataFrame, key: str, count: int) -> pl.DataFrame:
    """doc_id and bin_id of the first `count` candidates by a hash of (key, doc_id)."""
    with duckdb.connect() as connection:
        connection.register("candidates", candidates.to_arrow())
        return connection.sql(_DRAW, params={"key": key, "count": count}).pl()


def set_digests(plan: pl.DataFrame, forget: pl.DataFrame, retain: pl.DataFrame) -> pl.DataFrame:
    """Rows of `unlearning_set_digests`; the retain digest covers retain documents, not probe."""
    rows = []
    for run in plan.iter_rows(named=True):
        forgotten = forget.filter(run_id=run["run_id"])["doc_id"]
        retained = retain.filter(seed=run["seed"], role="retain")["doc_id"]
        rows.append(
            {
                "run_id": run["run_id"],
                "n_forget": len(forgotten),
                "forget_digest": digest_of_ids(forgotten),
                "n_retain": len(retained),
                "n_probe": retain.filter(seed=run["seed"], role="probe").height,
                "retain_digest": digest_of_ids(retained),
            }
        )
    return pl.DataFrame(rows) if rows else _empty("unlearning_set_digests")


def _empty(fact: str) -> pl.DataFrame:
    return pl.DataFrame(schema=CONTRACTS[fact].columns)


def _require_enough(name: str, available: int, needed: int, field: str) -> None:
    if available < needed:
        other = "choose fewer regions" if field == "retain_documents" else "choose larger regions"
        raise InputError(
            f"{name}: {available} sampled documents are available, {needed} are asked for. "
            f"Remedy: lower unlearning.{field} (of all conditions, so that they stay equal), "
            f"{other}, or raise sampling.documents_per_bin."
        )
