"""The facts that say what is asked: `benchmark_items`, `study_benchmarks`, `study_contrasts`.

Belongs here: turning items and the study's definitions into facts. Does not belong here:
what the model answers (scoring.py).
"""

import json
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.benchmarks.items import BenchmarkItems, items_path, read_items
from influence_warehouse.benchmarks.prompts import join_text, render
from influence_warehouse.errors import InputError
from influence_warehouse.lake.facts import CONTRACTS, Lake
from influence_warehouse.lake.fingerprint import cached_digest_of_file, digest_of
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.design import contrast_rows
from influence_warehouse.study.methods import Method, OfGradients
from influence_warehouse.study.study import Benchmark, Study


def identity_of_benchmark_items(study: Study, lake: Lake) -> dict[str, Any]:
    """What makes the items: each benchmark's reading rules, its input's content, the seed.

    Raises InputError when an items file is missing.
    """
    parts: dict[str, Any] = {"seed": study.seed}
    for benchmark in study.benchmarks:
        rules = benchmark.model_dump(mode="json", exclude={"path", "metric"})
        parts[f"benchmark.{benchmark.name}"] = rules
        path = items_path(study, benchmark, lake.home)
        if path is not None:
            parts[f"input.{benchmark.name}"] = _file_digest(path, benchmark)
    return parts


def _file_digest(path: Path, benchmark: Benchmark) -> str:
    try:
        return cached_digest_of_file(path)
    except OSError as error:
        raise InputError(
            f"{path}: the items of benchmark {benchmark.name!r} cannot be read "
            f"({error.strerror}). Remedy: correct benchmarks.{benchmark.name}.path."
        ) from error


def make_benchmark_items(task: Task) -> list[Made]:
    """Read every benchmark: `benchmark_items`, one row per item.

    `prompt` precedes the completion, `choices` are the completions without the delimiter,
    `question` is the text that identifies the item (context and question, no prompt words).
    Raises InputError for broken items.
    """
    rows: list[dict[str, Any]] = []
    details: dict[str, Any] = {}
    asked: dict[str, str] = {}
    for benchmark in task.study.benchmarks:
        found = read_items(task.study, benchmark, task.lake.home)
        own = _item_rows(benchmark, found)
        _require_other_questions(benchmark, own, asked)
        rows += own
        details[benchmark.name] = {
            "items": len(found.items),
            "available": found.available,
            "set_aside": list(found.set_aside),
        }
    frame = pl.DataFrame(rows, schema=CONTRACTS["benchmark_items"].columns)
    return [Made("benchmark_items", frame, details)]


def _require_other_questions(
    benchmark: Benchmark, rows: list[dict[str, Any]], asked: dict[str, str]
) -> None:
    """Raise InputError when an earlier benchmark asks exactly the same; note what this one asks."""
    digest = digest_of([[row["prompt"], row["choices"], row["answer_index"]] for row in rows])
    other = asked.setdefault(digest, benchmark.name)
    if other != benchmark.name:
        raise InputError(
            f"benchmarks.{benchmark.name} and benchmarks.{other} ask the same {len(rows)} items, "
            "so that nothing can differ between them. Remedy: say which rows of the file are "
            "whose, with columns.benchmark and select, or leave one out."
        )


def _item_rows(benchmark: Benchmark, found: BenchmarkItems) -> list[dict[str, Any]]:
    rows = []
    clusters = {item.cluster for item in found.items}
    for item in found.items:
        rendered = render(benchmark.prompt_format, item.context, item.question, item.choices)
        rows.append(
            {
                "benchmark": benchmark.name,
                "item_id": item.item_id,
                "domain": benchmark.domain,
                "capability": benchmark.capability,
                "subject": item.subject,
                "cluster": (item.cluster if len(clusters) > 1 else None) or item.item_id,
                "question": join_text(item.context, item.question),
                "prompt": rendered.prompt,
                "choices": list(rendered.completions),
                "answer_index": item.answer_index,
            }
        )
    return rows


def study_definitions(study: Study, lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """Rows of the facts that say what a study asks, by fact: all that they follow from.

    A contrast has one row per benchmark with the coefficient of that benchmark's z;
    benchmark_a and benchmark_b are its operands as the study names them.
    """
    return {
        "study_benchmarks": _benchmark_rows(study),
        "study_contrasts": _contrast_rows(study),
        "study_labels": [_labels_row(study)],
        "study_methods": _method_rows(study),
    }


def make_study_definitions(task: Task) -> list[Made]:
    """`study_benchmarks`, `_contrasts`, `_labels` and `_methods`, which the marts read."""
    return [
        Made(fact, pl.DataFrame(rows, schema=CONTRACTS[fact].columns))
        for fact, rows in study_definitions(task.study, task.lake).items()
    ]


def _benchmark_rows(study: Study) -> list[dict[str, Any]]:
    return [
        {
            "study": study.name,
            "benchmark": benchmark.name,
            "domain": benchmark.domain,
            "capability": benchmark.capability,
            "position": position,
            "prompt_format": benchmark.prompt_format,
            "metric": benchmark.metric,
        }
        for position, benchmark in enumerate(study.benchmarks)
    ]


def _contrast_rows(study: Study) -> list[dict[str, Any]]:
    return contrast_rows(study.name, [b.name for b in study.benchmarks], study.contrasts)


def _labels_row(study: Study) -> dict[str, Any]:
    own = study.taxonomy == "columns"
    columns = study.corpus.columns
    return {
        "study": study.name,
        "topic_grouping": columns.topic if own else "topic",
        "format_grouping": columns.format if own else "format",
    }


def _method_rows(study: Study) -> list[dict[str, Any]]:
    pairs = [(model, method) for model in study.models for method in study.attribution.methods]
    return [
        {
            "study": study.name,
            "model": model.name,
            "method": method.name,
            "kind": method.kind,
            "preconditioner": method.corrected_by if isinstance(method, OfGradients) else None,
            "settings": _settings(method),
            "score_unit": method.score_unit,
            "position": position,
        }
        for position, (model, method) in enumerate(pairs)
    ]


def _settings(method: Method) -> str:
    told = method.model_dump(mode="json", exclude={"kind", "name"})
    return json.dumps(told, sort_keys=True, separators=(",", ":"))
