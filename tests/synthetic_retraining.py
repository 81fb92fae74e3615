"""Retraining on a synthetic lake whose outcomes are sums of scores, so that the truth is known.

The first method's scores are the true effects: an item's outcome is the sum of them over what was
kept, and chance of training. Belongs here: the facts that the marts of retraining read, written by
the stages' own functions where no model is needed. Does not belong here: assertions.
"""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.retraining.effects import FACT as EFFECTS
from influence_warehouse.retraining.effects import region_effects
from influence_warehouse.retraining.outcomes import PREDICTIONS
from influence_warehouse.retraining.plan import plan_runs
from influence_warehouse.retraining.quality import quality_tables
from influence_warehouse.retraining.sets import in_members, left_out_members, set_digests
from influence_warehouse.sampling.regions import Region
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import bins
from tests.synthetic import MODEL, SyntheticLake, write_methods
from tests.synthetic_methods import scores_of

BUCKETS = 16
SECTION = {
    "leave_out": ["topics"],
    "halves": {"topics": 12, "buckets": 12},
    "buckets": BUCKETS,
    "seeds": [1, 2, 3],
    "repeated_subsets": 6,
    "tuning_share": 0.25,
}
# Nats for a unit of score: leaving a planted topic out then costs about a nat.
GAIN = 4.0
# What training moves by chance, in nats: all items of a run together, and each by itself. A seed
# moves each item far more, alike in whatever is trained by it.
COMMON, OWN, BY_SEED = 0.05, 0.1, 2.0


@dataclass(frozen=True)
class SyntheticRetraining:
    """A world, its plan, and what each run answers: `margins[benchmark]` is [runs, items]."""

    world: SyntheticLake
    plan: pl.DataFrame
    margins: dict[str, np.ndarray]


def with_retraining(study: Study, **changes: object) -> Study:
    """The study with a section `retraining`."""
    section = {"retraining": SECTION | changes}
    return Study.model_validate(study.model_dump(mode="json") | section)


def with_kind(world: SyntheticLake, method: str, kind: str) -> SyntheticLake:
    """The world of a study that says a method is of this kind: a `random` one may not predict."""
    content = world.study.model_dump(mode="json")
    content["attribution"]["methods"] = [
        {"kind": kind, "name": method} if told["name"] == method else told
        for told in content["attribution"]["methods"]
    ]
    world = replace(world, study=Study.model_validate(content))
    write_methods(world)
    return world


def write_retraining_facts(world: SyntheticLake, **changes: object) -> SyntheticRetraining:
    """Write all facts of retraining, for every method of the world's study."""
    world = replace(world, study=with_retraining(world.study, **changes))
    documents = _documents(world)
    plan = plan_runs(world.study, _members(documents))
    sets = left_out_members(world.study, plan, _members(documents))
    _write(world, "retraining_plan", plan, MODEL)
    _write(world, "retraining_sets", sets, MODEL)
    _write(world, "retraining_set_digests", set_digests(plan, sets, documents), MODEL)
    for method in world.study.attribution.methods:
        _write_bucket_scores(world, method.name, documents)
    truth = SyntheticRetraining(world, plan, _margins(world, plan, sets, documents))
    for place, run in enumerate(plan["run_id"]):
        _write_run(truth, place, run)
    _write(world, EFFECTS, region_effects(world.lake, plan, world.study.training_seed), MODEL)
    for fact, table in quality_tables(world.study, world.lake, plan).items():
        _write(world, fact, table, MODEL)
    return truth


def _documents(world: SyntheticLake) -> pl.DataFrame:
    """doc_id, topic, format and bucket of the documents, in the world's order."""
    cells = bins()
    return pl.DataFrame(
        {
            "doc_id": world.doc_ids,
            "topic": [cells[number].topic for number in world.bin_of],
            "format": [cells[number].format for number in world.bin_of],
            "bucket": np.arange(len(world.doc_ids), dtype=np.int32) * 7 % BUCKETS,
        }
    )


def _members(documents: pl.DataFrame) -> dict[str, list[str]]:
    topics = documents["topic"].unique().sort()
    return {
        "topic": [Region(topic).name for topic in topics],
        "bucket": [str(number) for number in range(BUCKETS)],
    }


def _margins(
    world: SyntheticLake, plan: pl.DataFrame, sets: pl.DataFrame, documents: pl.DataFrame
) -> dict[str, np.ndarray]:
    kept = np.array([_kept(run, sets, documents) for run in plan.iter_rows(named=True)])
    rng = np.random.default_rng(17)
    margins = {}
    for name, scores in world.item_scores.items():
        outcome = 1.0 + GAIN * kept.astype(float) @ scores.T
        chance = rng.normal(0, COMMON, (len(plan), 1)) + rng.normal(0, OWN, outcome.shape)
        of_seed = {
            seed: rng.normal(0, BY_SEED, len(scores)) for seed in plan["seed"].unique().sort()
        }
        margins[name] = outcome + chance + np.array([of_seed[seed] for seed in plan["seed"]])
    return margins


def _kept(run: dict[str, object], sets: pl.DataFrame, documents: pl.DataFrame) -> np.ndarray:
    if run["design"] == "base":
        return np.ones(len(documents), dtype=bool)
    own = sets.filter(**{name: run[name] for name in ("design", "unit", "subset")})["member"]
    return ~documents.select(left=in_members(str(run["unit"]), own))["left"].to_numpy()


def _write(world: SyntheticLake, fact: str, rows: pl.DataFrame, part: str) -> None:
    world.lake.write(fact, rows, Fingerprint.of(fact, synthetic=part), part)


def _write_bucket_scores(world: SyntheticLake, method: str, documents: pl.DataFrame) -> None:
    buckets = documents["bucket"].to_numpy()
    counts = np.bincount(buckets, minlength=BUCKETS)
    rows = [
        (MODEL, method, name, f"{name}-{number:03d}", bucket, counts[bucket], total)
        for name, scores in scores_of(world, method).items()
        for number, own in enumerate(scores)
        for bucket, total in enumerate(np.bincount(buckets, own, minlength=BUCKETS))
    ]
    names = ["model", "method", "benchmark", "item_id", "bucket", "n_documents", "score_sum"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    _write(world, "bucket_item_scores", frame, f"{MODEL}|{method}")


def _write_run(truth: SyntheticRetraining, place: int, run: str) -> None:
    """Predictions of one run; of three choices the first is right, as `benchmark_items` says."""
    rows = [
        (run, name, f"{name}-{number:03d}", [margin / 2, -margin / 2, -9.0 - abs(margin)], margin)
        for name, margins in truth.margins.items()
        for number, margin in enumerate(margins[place].tolist())
    ]
    names = ["run_id", "benchmark", "item_id", "choice_logprobs", "correct_logprob_margin"]
    right = pl.col("correct_logprob_margin") > 0
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(is_correct=right)
    frame = frame.with_columns(predicted_index=pl.when("is_correct").then(0).otherwise(1))
    _write(truth.world, PREDICTIONS, frame, run)
