"""Reads a benchmark's items and refuses what cannot be a question with one right answer.

Belongs here: files and hub datasets of items, the study's column mapping, validation, the
keyed sample of `max_items`. Does not belong here: prompts (`prompts`), facts (`tables`).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from influence_warehouse.benchmarks.prompts import LETTERS
from influence_warehouse.corpus.files import is_lines, is_parquet
from influence_warehouse.corpus.readers import check_expansion, json_object
from influence_warehouse.corpus.rows import is_invisible
from influence_warehouse.corpus.streams import read_lines
from influence_warehouse.errors import InputError
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.corpus import HubDataset
from influence_warehouse.study.study import Benchmark, Study


@dataclass(frozen=True)
class Item:
    """One question with its choices; texts are stripped of outer white space.

    Items of one `cluster` share a source; None: the item is on its own.
    """

    item_id: str
    subject: str | None
    cluster: str | None
    context: str
    question: str
    choices: tuple[str, ...]
    answer_index: int


@dataclass(frozen=True)
class BenchmarkItems:
    """A benchmark's items in order of item_id, and the ids set aside by the study's rule."""

    items: tuple[Item, ...]
    available: int
    set_aside: tuple[str, ...]


def items_path(study: Study, benchmark: Benchmark, home: Home) -> Path | None:
    """File that holds the benchmark's items; None for a dataset of the hub."""
    if study.planted is not None:
        return home.inputs / "items.parquet"
    return benchmark.path


def read_items(study: Study, benchmark: Benchmark, home: Home) -> BenchmarkItems:
    """Items of one benchmark: selected, validated, then sampled down to `max_items`.

    The sample keeps the items with the smallest keyed hash of (seed, item_id): a larger
    `max_items` adds items and replaces none. Raises InputError naming file, item, field and
    remedy for the first thing that is wrong.
    """
    path = items_path(study, benchmark, home)
    origin, rows = _load(benchmark, path)
    chosen = _select(rows, benchmark, origin)
    items = [_item(number, row, benchmark, origin) for number, row in chosen]
    _require_unique_ids(items, origin)
    kept, set_aside = _without_repeated_choices(items, benchmark, origin)
    kept.sort(key=lambda item: _sample_key(study.seed, item.item_id))
    sampled = sorted(kept[: benchmark.max_items], key=lambda item: item.item_id)
    return BenchmarkItems(tuple(sampled), len(kept), tuple(sorted(set_aside)))


def _load(benchmark: Benchmark, path: Path | None) -> tuple[str, list[dict[str, Any]]]:
    """Where the rows come from, in words for messages, and the rows."""
    if path is None:
        assert benchmark.hub is not None  # the study validates that one source is given
        hub = benchmark.hub
        return f"hub dataset {hub.dataset}@{hub.revision}", _load_hub(hub)
    origin = str(path)
    if not path.is_file():
        raise InputError(
            f"{origin}: no such file (benchmarks.{benchmark.name}.path). "
            "Remedy: give the path of a .parquet or .jsonl file of items."
        )
    if is_lines(path.name):
        return origin, _read_json_lines(path)
    if not is_parquet(path.name):
        raise InputError(
            f"{origin}: items are read from .parquet or .jsonl, not {path.suffix or 'no suffix'!r}"
            f" (benchmarks.{benchmark.name}.path). Remedy: convert the file."
        )
    try:
        return origin, _read_parquet(path)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise InputError(
            f"{origin}: cannot be read as Parquet ({error}). "
            "Remedy: write the file again; each row is one item."
        ) from error


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    check_expansion(path, str(path))
    return pl.read_parquet(path).to_dicts()


def _read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Each line's own values: a table would turn a column of mixed types into text."""
    rows = []
    for number, line in read_lines(path, str(path)):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            line.encode()  # bytes that are not UTF-8 came as lone surrogates
        except UnicodeEncodeError as error:
            raise InputError(
                f"{where}: not UTF-8 at character {error.start}. Remedy: write it as UTF-8."
            ) from error
        rows.append(json_object(line, where))
    return rows


def _load_hub(hub: HubDataset) -> list[dict[str, Any]]:
    import datasets

    try:
        dataset = datasets.load_dataset(
            hub.dataset, hub.config, split=hub.split, revision=hub.revision
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"hub dataset {hub.dataset}@{hub.revision}: cannot be loaded ({error}). "
            "Remedy: check dataset, config, split and revision, and the network."
        ) from error
    return dataset.to_list()


def _select(
    rows: list[dict[str, Any]], benchmark: Benchmark, origin: str
) -> list[tuple[int, dict[str, Any]]]:
    """Rows of this benchmark, each with its number in the input, from 0."""
    columns = benchmark.columns
    choices = (columns.choices,) if isinstance(columns.choices, str) else columns.choices
    named = [columns.item_id, columns.question, *choices, columns.answer_index]
    named += [columns.context, columns.subject, columns.cluster, columns.benchmark]
    present = list(dict.fromkeys(name for row in rows for name in row))
    missing = [name for name in named if name is not None and name not in present]
    if rows and missing:
        raise InputError(
            f"{origin}: no column {', '.join(map(repr, missing))}; it has {present}. "
            f"Remedy: map the columns in benchmarks.{benchmark.name}.columns."
        )
    chosen = list(enumerate(rows))
    wanted = benchmark.select or benchmark.name
    if columns.benchmark is not None:
        accepted = {wanted} if isinstance(wanted, str) else set(wanted)
        chosen = [(n, row) for n, row in chosen if str(row.get(columns.benchmark)) in accepted]
    if not chosen:
        raise InputError(
            f"{origin}: no items of benchmark {benchmark.name!r} "
            f"({len(rows)} rows; column {columns.benchmark!r}, wanted {wanted!r}). "
            f"Remedy: correct benchmarks.{benchmark.name}.select or the file."
        )
    return chosen


def _item(number: int, row: dict[str, Any], benchmark: Benchmark, origin: str) -> Item:
    columns = benchmark.columns
    # Without an id column the row's number is the id, padded so that text order is row order.
    item_id = f"{number:08d}" if columns.item_id is None else row.get(columns.item_id)
    if isinstance(item_id, bool) or not isinstance(item_id, str | int) or item_id == "":
        raise InputError(
            f"{origin}: row {number}, column {columns.item_id!r}: {item_id!r} is no id. "
            "Remedy: give every item a unique, non-empty text or whole number."
        )
    reader = _Field(origin, str(item_id), row)
    choices, labels = _choices(reader, benchmark)
    return Item(
        item_id=str(item_id),
        subject=reader.text(columns.subject, optional=True) if columns.subject else None,
        cluster=_cluster(reader, columns.cluster or columns.subject),
        context=reader.text(columns.context, optional=True) if columns.context else "",
        question=reader.text(columns.question),
        choices=choices,
        answer_index=_answer_index(reader, columns.answer_index, labels, len(choices)),
    )


@dataclass(frozen=True)
class _Field:
    """Reads one item's fields; its errors name file, item and column."""

    origin: str
    item_id: str
    row: dict[str, Any]

    def error(self, column: object, problem: str, remedy: str) -> InputError:
        return InputError(
            f"{self.origin}: item {self.item_id!r}, column {column!r}: {problem}. Remedy: {remedy}."
        )

    def text(self, column: str, optional: bool = False) -> str:
        value = self.row.get(column)
        if value is None and optional:
            return ""
        if not isinstance(value, str):
            raise self.error(column, f"{value!r} is not text", "give text")
        if is_invisible(value) and not optional:
            raise self.error(column, "the text is empty", "give the text or remove the item")
        return value.strip()


def _cluster(reader: _Field, column: str | None) -> str | None:
    """What the item shares with others: text or a whole number, as ids are."""
    value = reader.row.get(column) if column else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return reader.text(column, optional=True) or None if column else None


def _choices(reader: _Field, benchmark: Benchmark) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The choices, and the labels that the answer column may use for them (or none)."""
    named = benchmark.columns.choices
    labels = benchmark.columns.answer_labels or ()
    row = reader.row
    found: Any = row.get(named) if isinstance(named, str) else [row.get(name) for name in named]
    if isinstance(found, dict) and {"text", "label"} <= found.keys():
        labels = tuple(map(str, found["label"] or ()))
        found = found["text"]
    if not isinstance(found, list):
        raise reader.error(named, f"{found!r} is not a list of choices", "give a list of texts")
    if not 2 <= len(found) <= len(LETTERS):
        raise reader.error(
            named, f"{len(found)} choices", f"give 2 to {len(LETTERS)} choices or remove the item"
        )
    for choice in found:
        if not isinstance(choice, str) or is_invisible(choice):
            raise reader.error(
                named, f"choice {choice!r} is not a non-empty text", "give each choice a text"
            )
    return tuple(choice.strip() for choice in found), labels


def _answer_index(reader: _Field, column: str, labels: tuple[str, ...], n_choices: int) -> int:
    answer = reader.row.get(column)
    if answer is None or answer == "":
        raise reader.error(
            column, "the item has no right answer", "give its index or remove the item"
        )
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)  # what pandas makes of a column with a gap
    if labels:
        # A label that is a number is no index: labels 1, 2 and 3 name the first three choices.
        label = str(answer)
        if isinstance(answer, bool) or label not in labels[:n_choices]:
            raise reader.error(
                column,
                f"label {answer!r} is none of {list(labels[:n_choices])}",
                "correct the label or columns.answer_labels",
            )
        return labels.index(label)
    if isinstance(answer, bool) or not isinstance(answer, int):
        raise reader.error(
            column,
            f"{answer!r} is not a whole number",
            "give the right choice's index, counted from 0, or set columns.answer_labels",
        )
    if not 0 <= answer < n_choices:
        raise reader.error(
            column,
            f"index {answer} is outside 0 to {n_choices - 1}",
            "count from 0 and stay below the number of choices",
        )
    return answer


def _require_unique_ids(items: list[Item], origin: str) -> None:
    seen: set[str] = set()
    for item in items:
        if item.item_id in seen:
            raise InputError(
                f"{origin}: item {item.item_id!r} occurs twice. "
                "Remedy: give every item of a benchmark its own id."
            )
        seen.add(item.item_id)


def _without_repeated_choices(
    items: list[Item], benchmark: Benchmark, origin: str
) -> tuple[list[Item], list[str]]:
    kept = [item for item in items if len(set(item.choices)) == len(item.choices)]
    repeated = [item.item_id for item in items if len(set(item.choices)) < len(item.choices)]
    if repeated and benchmark.repeated_choices == "refuse":
        raise InputError(
            f"{origin}: item {repeated[0]!r}, column {benchmark.columns.choices!r}: a choice is "
            f"listed twice ({len(repeated)} such items). Remedy: correct them, or set "
            f"benchmarks.{benchmark.name}.repeated_choices: set_aside."
        )
    if not kept:
        raise InputError(
            f"{origin}: every item of {benchmark.name!r} lists a choice twice, none is left. "
            "Remedy: correct the choices."
        )
    return kept, repeated


def _sample_key(seed: int, item_id: str) -> str:
    return hashlib.sha256(f"{seed}\n{item_id}".encode()).hexdigest()
