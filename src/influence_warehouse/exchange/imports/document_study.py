"""What an import of document scores is told, from the words of a command line.

Belongs here: the model `ScoredDocuments` and the grammar of `--scores`, `--map` and `--group`.
Does not belong here: reading the files (`document_tables`) and what they may say
(`document_scores`).
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from influence_warehouse.errors import StudyError
from influence_warehouse.exchange.imports.study import ImportedStudy, assignments, described
from influence_warehouse.study.design import Section, Slug

SCORE_COLUMNS = ("doc_id", "score", "item_id", "benchmark", "method")
DOCUMENT_COLUMNS = ("doc_id", "text", "url", "source")
# The marts' columns that hold the groupings, in order.
AXES = ("topic", "format")

_LABEL = re.compile(r"(?P<method>[^:=]*)(?::(?P<benchmark>[^:=]*))?")
_KEYS = {*SCORE_COLUMNS, *DOCUMENT_COLUMNS, *AXES, "scores.doc_id", "documents.doc_id"}
_WIDE = "score:"


class ScoreFile(Section):
    """A file of scores, with the method and benchmark of all its rows where they were told."""

    path: Path
    method: str | None = None
    benchmark: str | None = None


class Grouping(Section):
    """What the documents are grouped by: its name, and the column of the file that holds it."""

    name: Slug
    column: str


class ScoredDocuments(ImportedStudy):
    """An import of document scores.

    `columns` maps our columns to the files'; `wide` maps a benchmark to the column of its scores,
    where a file has one per benchmark. `negated` are methods, as slugs, whose scores say by their
    sign the opposite: how much the loss rises, or falls, with a document.
    """

    scores: tuple[ScoreFile, ...] = Field(min_length=1)
    documents: Path
    columns: dict[str, str]
    wide: dict[str, str]
    groupings: tuple[Grouping, ...] = Field((), max_length=2)
    method: str | None = None
    benchmark: str | None = None
    negated: tuple[str, ...] = ()
    top_k: int = Field(ge=1)
    resamples: int = Field(ge=100)
    seed: int = Field(ge=0, lt=2**31)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [grouping.name for grouping in self.groupings]
        if len(set(names)) < len(names):
            raise ValueError(f"--group: {names[0]!r} is given twice")
        if self.wide and ("score" in self.columns or "benchmark" in self.columns or self.benchmark):
            raise ValueError("--map: score:BENCHMARK=COLUMN already says score and benchmark")
        return self

    def column(self, table: str, ours: str) -> str:
        """The name of one of our columns in the file of `scores` or `documents`."""
        return self.columns.get(f"{table}.{ours}", self.columns.get(ours, ours))

    def is_mapped(self, ours: str) -> bool:
        """Whether the command names the column, so that it must be there."""
        return ours in self.columns


def scored_documents(
    name: str,
    scores: Sequence[str],
    maps: Iterable[str],
    groups: Iterable[str],
    contrasts: Iterable[str],
    designs: Iterable[str],
    **options: Any,
) -> ScoredDocuments:
    """The import that a command line describes. Raises StudyError naming what is impossible."""
    columns, wide = _columns(maps)
    return described(
        ScoredDocuments,
        "document-scores",
        contrasts,
        designs,
        name=name,
        scores=[score_file(text) for text in scores],
        wide=wide,
        groupings=_groupings(groups, columns),
        columns=columns,
        **options,
    )


def score_file(text: str) -> ScoreFile:
    """`FILE`, `METHOD=FILE`, `:BENCHMARK=FILE` or `METHOD:BENCHMARK=FILE`.

    A text that is the path of a file is that file, whatever characters it has.
    """
    label, sign, path = text.partition("=")
    if not sign or Path(text).exists():
        return ScoreFile(path=Path(text))
    found = _LABEL.fullmatch(label)
    if found is None or not path or not any(found.groups()):
        raise StudyError(
            f"--scores {text}: is no file, and no METHOD=FILE, :BENCHMARK=FILE or "
            "METHOD:BENCHMARK=FILE. Remedy: check the path; a method's name has no `:` or `=`."
        )
    return ScoreFile(
        path=Path(path), method=found["method"] or None, benchmark=found["benchmark"] or None
    )


def _columns(maps: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    found = assignments("--map", maps)
    wide = {key.removeprefix(_WIDE): v for key, v in found.items() if key.startswith(_WIDE)}
    columns = {key: value for key, value in found.items() if not key.startswith(_WIDE)}
    unknown = sorted(set(columns) - _KEYS)
    if unknown or "" in wide:
        raise StudyError(
            f"--map {(unknown or [_WIDE])[0]}=...: no such column. Remedy: --map "
            f"OUR_COLUMN=THEIR_COLUMN, ours being one of {', '.join(sorted(_KEYS))}, "
            "score:BENCHMARK."
        )
    return columns, wide


def _groupings(groups: Iterable[str], columns: dict[str, str]) -> list[dict[str, str]]:
    """Groupings as they were given, or those of `--map topic=COLUMN`; else none."""
    given = assignments("--group", groups)
    mapped = {axis: columns.pop(axis) for axis in AXES if axis in columns}
    if given and mapped:
        raise StudyError(
            f"--group {next(iter(given))} and --map {next(iter(mapped))} both say how documents "
            "are grouped. Remedy: give one of the two."
        )
    return [{"name": key, "column": value} for key, value in (given or mapped).items()]
