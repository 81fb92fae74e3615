"""Attribution methods, one module a kind, behind one narrow interface.

A method turns documents and queries into a score matrix; everything around it (shards, roll-ups,
facts, fingerprints) is common to all. Adding one: a section in `study/methods.py`, a module of
the kind's name here with a class `Method`, and a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.corpus.chosen import read_documents
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.study.study import Study


@dataclass(frozen=True)
class Documents:
    """Sampled documents in the order of a matrix's rows: `rows` has doc_id and content_sha256.

    `part` names them where a method keeps something of theirs.
    """

    lake: Lake
    rows: pl.DataFrame
    part: Part = ""

    def read(self) -> pl.DataFrame:
        """Their doc_id, text and prompt_chars (null but of a training pair), read when they are
        asked for. Raises FactError: missing or damaged."""
        ids = self.rows.select("doc_id")
        texts = read_documents(self.lake, ids["doc_id"], "doc_id", "text", "prompt_chars")
        return ids.join(texts, on="doc_id", how="left", maintain_order="left")


@dataclass(frozen=True)
class Artefacts:
    """Folders that a method made before it scores; None where it makes none."""

    prepared: Path | None
    index: Path | None


class AttributionMethod(Protocol):
    """What a kind's class `Method` does; it is made from the study of one model and method.

    Folders are complete or absent, never partial. `items` are rows of the fact `benchmark_items`.
    """

    def __init__(self, study: Study, lake: Lake) -> None: ...

    @property
    def identity(self) -> Mapping[str, object]:
        """What all that the method makes follows from: settings, model, versions of libraries."""

    @property
    def preparation(self) -> "Preparation":
        """What the preparation follows from besides."""

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """Fit on the sample whatever scores are corrected or weighted with."""

    def index(self, items: pl.DataFrame, folder: Path) -> None:
        """Store the queries' side of the score, row i for item i."""

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """Give `write` each document's scores once, in blocks; positive means supportive."""


@dataclass(frozen=True)
class Preparation:
    """On which documents and queries a method is prepared, and with which further settings.

    `documents_per_bin`: the first so many sampled ones of each bin; None: all.
    """

    documents_per_bin: int | None = None
    benchmarks: tuple[str, ...] = ()
    settings: Mapping[str, Any] | None = None


def method_of(study: Study, lake: Lake) -> AttributionMethod:
    """The method of a study that was narrowed to one model and method, ready to run."""
    module = import_module(f"{__name__}.{study.method.kind}")
    method: AttributionMethod = module.Method(study, lake)
    return method
