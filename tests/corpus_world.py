"""Small corpora and studies over them, for tests of the corpus and sampling stages.

Belongs here: rows, files and a `Study` that reads them. Does not belong here: assertions.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import zstandard

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.study import Study


def rows_of(count: int, topic: str = "games", format: str = "tutorial") -> list[dict[str, Any]]:
    """`count` good rows with different texts of 4 known words and a number."""
    return [
        {"doc_id": f"d{i:04d}", "text": f"the king of game {i}", "topic": topic, "format": format}
        for i in range(count)
    ]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """JSON lines, compressed as the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix == ".zst":
        content = zstandard.ZstdCompressor().compress(content)
    path.write_bytes(content)
    return path


def study_of(model: Path, corpus: dict[str, Any], *, seed: int = 0, **sampling: Any) -> Study:
    """A study over `corpus` (its section of the study file) with one benchmark."""
    return Study.model_validate(
        {
            "name": "small",
            "seed": seed,
            "corpus": {name: str(v) if name == "path" else v for name, v in corpus.items()},
            "sampling": {"documents_per_bin": 5, **sampling},
            "models": [{"path": str(model)}],
            "benchmarks": [
                {"name": "quiz", "domain": "stem", "capability": "knowledge", "path": "items.jsonl"}
            ],
        }
    )


def lake_at(root: Path) -> Lake:
    """An empty lake of the study `small` under `root`."""
    home = Home(root, "small")
    home.create()
    return Lake(home)


def write_items(lake: Lake, questions: list[str]) -> None:
    """A `benchmark_items` fact that asks `questions`."""
    frame = pl.DataFrame(
        {
            "benchmark": ["quiz"] * len(questions),
            "item_id": [f"q{i}" for i in range(len(questions))],
            "question": questions,
        }
    ).with_columns(
        domain=pl.lit("stem"),
        capability=pl.lit("knowledge"),
        subject=pl.lit(None, pl.String),
        cluster=pl.col("item_id"),
        prompt=pl.col("question"),
        choices=pl.lit(["yes", "no"]),
        answer_index=pl.lit(0),
    )
    lake.write("benchmark_items", frame, Fingerprint.of("benchmark_items", questions=questions))
