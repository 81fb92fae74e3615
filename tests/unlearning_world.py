"""A lake that is ready for unlearning, and documents for one run, all tiny and real.

Belongs here: what several tests of the unlearning stage start from. Does not belong here:
assertions.
"""

import random
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import torch

from influence_warehouse.lake.facts import Lake, Outcome
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.models.loading import Encoded
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from influence_warehouse.study.unlearning import Unlearning
from influence_warehouse.taxonomy import FORMATS, TOPICS
from influence_warehouse.unlearning.training import RunData
from tests.scoring_lake import BENCHMARKS, CELL, scoring_study, shard_part, write_scoring_lake

# What the names of all runs of the unlearning lake begin with.
OF = f"{CELL}|ngdiff|"

SETTINGS: dict[str, Any] = {
    "forget_documents": 6,
    "retain_documents": 6,
    "probe_documents": 3,
    "batch_documents": 4,
    "learning_rate": 0.01,
    "max_tokens": 32,
    "eval_every": 2,
    "seeds": [1],
    "random_sets": 2,
    "stops": {"steps": 4},
}


CHOSEN_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(
        ("study", "model", "method", "benchmark", "region_kind", "topic", "format"), pl.String
    ),
    "influence_rank": pl.Int64,
    **dict.fromkeys(("support", "support_t", "support_q_value", "z"), pl.Float64),
    "reason": pl.String,
}


def settings_of(**changes: Any) -> Unlearning:
    """Small settings; `stops` given here joins the step limit."""
    stops = SETTINGS["stops"] | changes.pop("stops", {})
    return Unlearning.model_validate(SETTINGS | {"stops": stops} | changes)


def run_data(seed: int = 0, forget: int = 8, retain: int = 8, probe: int = 4) -> RunData:
    """Random token ids of the tiny model's vocabulary, 3 to 20 a document."""
    rng = random.Random(seed)

    def documents(count: int) -> list[Encoded]:
        ids = [[rng.randrange(4, 180) for _ in range(rng.randint(3, 20))] for _ in range(count)]
        return [Encoded(input_ids=each, labels=list(each)) for each in ids]

    return RunData(documents(forget), documents(retain), documents(probe), pad=3)


def gradient_of(parameter: torch.nn.Parameter) -> torch.Tensor:
    """Its gradient, which must be there."""
    assert parameter.grad is not None
    return parameter.grad


def unlearning_study(model: Path, **changes: Any) -> Study:
    """The study of the scoring lake with an `unlearning` section."""
    study = scoring_study(model, shards=2)
    return Study.model_validate(
        study.model_dump(mode="json") | {"unlearning": settings_of(**changes).model_dump()}
    )


def write_unlearning_lake(folder: Path, n_documents: int = 90) -> Lake:
    """The scoring lake over 5 topics x 3 formats with random scores in two shards."""
    lake = write_scoring_lake(folder, shards=2, n_documents=n_documents)
    rng = random.Random(3)
    manifest = lake.read("sampling_manifest")
    places = [(topic, format) for topic in TOPICS[:5] for format in FORMATS[:3]]
    rows = [places[number % len(places)] for number in range(manifest.height)]
    manifest = manifest.with_columns(
        topic=pl.Series([topic for topic, _ in rows]),
        format=pl.Series([format for _, format in rows]),
        bin_id=pl.Series(
            [TOPICS.index(t) * len(FORMATS) + FORMATS.index(f) for t, f in rows], dtype=pl.Int32
        ),
    )
    lake.write("sampling_manifest", manifest, Fingerprint.of("sampling_manifest", test=2))
    for shard in range(2):
        part = manifest.filter(shard=shard).select("doc_id", "bin_id")
        scores = pl.concat(
            part.with_columns(
                model=pl.lit("base"),
                method=pl.lit("trackstar"),
                benchmark=pl.lit(benchmark),
                # Few values, so that ties happen.
                score=pl.Series([rng.randrange(9) / 8 for _ in range(part.height)]),
            ).with_columns(positive_square=pl.col("score") ** 2)
            for benchmark in BENCHMARKS
        )
        lake.write(
            "document_scores",
            scores,
            Fingerprint.of("document_scores", test=shard),
            shard_part(shard),
        )
    return lake


def chosen_bins(*regions: tuple[str, str | None, str | None], study: str = "tiny") -> pl.DataFrame:
    """Rows of marts.chosen_bins for (benchmark, topic, format)."""
    return pl.DataFrame(
        [
            {
                "study": study,
                "model": "base",
                "method": "trackstar",
                "benchmark": benchmark,
                "region_kind": "bin" if topic and format else "topic" if topic else "format",
                "topic": topic,
                "format": format,
                "influence_rank": rank,
                "support": 0.7,
                "support_t": 4.0,
                "support_q_value": 0.01,
                "z": 1.0,
                "reason": "test",
            }
            for rank, (benchmark, topic, format) in enumerate(regions, start=1)
        ],
        schema=CHOSEN_COLUMNS,
    )


def make_plan(study: Study, lake: Lake, chosen: pl.DataFrame, cell: str = CELL) -> Outcome:
    """Make the plan of a model and method from `chosen` as the mart that is built."""
    write_chosen_bins(lake, chosen)
    return make_fact(study, lake, "unlearning_plan", cell)[0]


def write_chosen_bins(lake: Lake, chosen: pl.DataFrame) -> None:
    """Put the mart where dbt would."""
    with duckdb.connect(str(lake.home.build_database)) as connection:
        connection.execute("create schema if not exists marts")
        connection.register("chosen", chosen.to_arrow())
        connection.execute("create or replace table marts.chosen_bins as from chosen")
