"""A lake that is ready to be scored: a tiny real model, a few documents, two benchmarks.

Belongs here: facts up to the sampling manifest and items, written directly. Does not belong
here: the stages that make them from inputs (their own tests).
"""

import hashlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import bins
from tests.tiny_model import COMMON_TEXT, write_tiny_model

if TYPE_CHECKING:
    import torch

WORDS = COMMON_TEXT.split()
BENCHMARKS = ("alpha", "beta")
CELL = "base|trackstar"


def shard_part(shard: int, cell: str = CELL) -> str:
    """The key of a shard's scores."""
    return f"{cell}|{shard:05d}"


def scoring_study(model: Path, shards: int = 3, benchmarks=BENCHMARKS, **attribution) -> Study:
    """A study over the tiny lake; `attribution` overrides that section or TrackStar's settings."""
    method = {"kind": "trackstar", "projection_dim": 4}
    for name in ("projection_dim", "preconditioner", "store_gradients"):
        if name in attribution:
            method[name] = attribution.pop(name)
    settings = {"methods": [method], "token_batch_size": 256, "top_k": 5, "health_trials": 2}
    return Study.model_validate(
        {
            "name": "tiny",
            "corpus": {"path": "unused.parquet"},
            "sampling": {"documents_per_bin": 4, "shards": shards},
            "models": [{"path": str(model), "max_tokens": 64}],
            "benchmarks": [
                {"name": name, "domain": "social", "capability": "reasoning", "path": "unused"}
                for name in benchmarks
            ],
            "attribution": settings | attribution,
        }
    )


def write_scoring_lake(
    folder: Path, shards: int = 3, n_documents: int = 60, longest: int = 40
) -> Lake:
    """Documents of 5 to `longest` words over 15 bins, `shards` shards, 8 items a benchmark."""
    home = Home(folder, "tiny")
    home.create()
    lake = Lake(home)
    rng = random.Random(5)
    chosen = bins()[:15]
    rows = []
    for number in range(n_documents):
        text = " ".join(rng.choices(WORDS, k=rng.randint(5, longest)))
        bin_ = chosen[number % len(chosen)]
        rows.append(
            {
                "doc_id": f"d{number:04d}",
                "text": text,
                "topic": bin_.topic,
                "format": bin_.format,
                "bin_id": bin_.bin_id,
                "n_chars": len(text),
                "n_tokens": len(text.split()),
                "content_sha256": hashlib.sha256(text.encode()).hexdigest(),
                "shard": number % shards,
                "sample_rank": number // len(chosen),
            }
        )
    frame = pl.DataFrame(rows)
    made = Fingerprint.of("documents", test=1)
    documents = frame.select(
        "doc_id", "text", "topic", "format", "n_chars", "n_tokens", "content_sha256"
    )
    unknown = {name: pl.lit(None, pl.String) for name in ("url", "source")}
    lake.write(
        "documents",
        documents.with_columns(
            **unknown,
            label_confidence=pl.lit(None, pl.Float64),
            prompt_chars=pl.lit(None, pl.Int32),
        ),
        made,
    )
    manifest = frame.select(
        "doc_id", "topic", "format", "bin_id", "sample_rank", "shard", "content_sha256"
    ).with_columns(population_documents=pl.lit(4), inclusion_probability=pl.lit(1.0))
    lake.write("sampling_manifest", manifest, Fingerprint.of("sampling_manifest", test=1))
    lake.write("benchmark_items", items_frame(), Fingerprint.of("benchmark_items", test=1))
    return lake


def items_frame(benchmarks=BENCHMARKS, per_benchmark: int = 8) -> pl.DataFrame:
    """Items as the benchmarks stage writes them."""
    rows = []
    for benchmark in benchmarks:
        rng = random.Random(benchmark)
        for number in range(per_benchmark):
            question = " ".join(rng.choices(WORDS, k=8))
            rows.append(
                {
                    "benchmark": benchmark,
                    "item_id": f"{benchmark}-{number}",
                    "domain": "social",
                    "capability": "reasoning",
                    "subject": None,
                    "cluster": f"{benchmark}-{number}",
                    "question": question,
                    "prompt": f"Question: {question}\nAnswer:",
                    "choices": rng.sample(WORDS, 4),
                    "answer_index": number % 4,
                }
            )
    return pl.DataFrame(rows, schema_overrides={"subject": pl.String})


def matrix_of(score: Callable[[WriteScores], None], n_documents: int) -> np.ndarray:
    """The whole matrix of what `score` gives in blocks, each row once."""
    rows: dict[int, np.ndarray] = {}

    def write(where: Sequence[int], block: "np.ndarray | torch.Tensor") -> None:
        assert rows.keys().isdisjoint(where)
        rows.update(zip(where, np.asarray(block), strict=True))

    score(write)
    return np.stack([rows[row] for row in range(n_documents)])


def write_scoring_model(folder: Path) -> Path:
    """The tiny model's folder."""
    return write_tiny_model(folder / "model")
