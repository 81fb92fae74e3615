"""Small studies and items files that the benchmark tests share."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.load import parse_study
from influence_warehouse.study.study import Study


def item(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A valid item; `changes` break or vary it."""
    valid = {
        "item_id": f"item-{number:03d}",
        "question": f"Which of these is the answer to question {number}?",
        "choices": ["the king", "a river", "the new city", "no one"],
        "answer_index": number % 4,
    }
    return valid | changes


def write_items(path: Path, items: list[dict[str, Any]]) -> Path:
    """Write items as Parquet or JSON lines, by the path's suffix."""
    if path.suffix == ".parquet":
        pl.DataFrame(items).write_parquet(path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in items), encoding="utf-8")
    return path


def study_of(folder: Path, items: Path, **benchmark: Any) -> Study:
    """A study of one benchmark `b1` that reads `items`; `benchmark` overrides its fields."""
    content = {
        "name": "tiny",
        "seed": 5,
        "corpus": {"path": "documents.parquet"},
        "sampling": {"documents_per_bin": 2},
        "models": [{"path": "model"}],
        "benchmarks": [
            {"name": "b1", "domain": "social", "capability": "reasoning", "path": str(items)}
            | benchmark
        ],
    }
    return parse_study(json.dumps(content), "test study", folder)


def lake_of(folder: Path) -> Lake:
    home = Home(folder / "warehouse", "tiny")
    home.create()
    return Lake(home)
