"""A lake that is ready for retraining a given tiny model on a few documents, all real.

Belongs here: what several tests of the stage start from. Does not belong here: assertions.
"""

from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.retraining.expectations import check_retraining_sets
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import FORMATS, TOPICS
from tests.scoring_lake import scoring_study, write_scoring_lake

MODEL = "base"
SECTION: dict[str, Any] = {
    "leave_out": ["topics"],
    "halves": {"topics": 2, "buckets": 2},
    "buckets": 4,
    "seeds": [1],
    "repeated_subsets": 0,
    "tuning_share": 0.5,
    "continued": {"learning_rate": 0.01, "batch_documents": 4, "max_tokens": 24},
}
PLACES = [(topic, format) for topic in TOPICS[:3] for format in FORMATS[:2]]


def retraining_study(model: Path, methods: list[dict] | None = None, **changes: Any) -> Study:
    """The study of the scoring lake with a section `retraining`; `changes` are of that."""
    study = scoring_study(model, shards=2).model_dump(mode="json")
    if methods is not None:
        study["attribution"]["methods"] = methods
    return Study.model_validate(study | {"retraining": SECTION | changes})


def write_retraining_lake(folder: Path, n_documents: int = 20) -> Lake:
    """The scoring lake over 3 topics x 2 formats in two shards."""
    lake = write_scoring_lake(folder, shards=2, n_documents=n_documents)
    manifest = lake.read("sampling_manifest")
    rows = [PLACES[number % len(PLACES)] for number in range(manifest.height)]
    bins = [TOPICS.index(topic) * len(FORMATS) + FORMATS.index(format) for topic, format in rows]
    manifest = manifest.with_columns(
        topic=pl.Series([topic for topic, _ in rows]),
        format=pl.Series([format for _, format in rows]),
        bin_id=pl.Series(bins, dtype=pl.Int32),
    )
    lake.write("sampling_manifest", manifest, Fingerprint.of("sampling_manifest", test=2))
    return lake


def prepare(folder: Path, model: Path, **changes: Any) -> tuple[Study, Lake]:
    """A lake with the plan and checked sets."""
    study, lake = retraining_study(model, **changes), write_retraining_lake(folder)
    make_fact(study, lake, "retraining_plan", MODEL)
    make_fact(study, lake, "retraining_sets", MODEL)
    assert all(outcome.success for outcome in check_retraining_sets(study, lake))
    return study, lake
