"""What passes between the pipeline and a step's function: a task goes in, rows come out.

Does not belong here: comparing, writing and recording (`making`), which no stage does itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.study.study import Study


@dataclass(frozen=True)
class Task:
    """One step, or one part of it, that has to be made.

    `study` is narrowed to the model and method that the part's key begins with. `fingerprints`
    say for each fact of the step, by name, what it is made from.
    """

    study: Study
    lake: Lake
    part: Part | None
    fingerprints: Mapping[str, Fingerprint]

    @property
    def key(self) -> Part:
        """The part's key, of a step in parts."""
        assert self.part is not None
        return self.part


@dataclass(frozen=True)
class Made:
    """The rows of one fact, and what people are told about them.

    `rows` is a frame; frames in the order of the fact's key, where they are more than memory
    holds; or a number, of a folder that the step wrote itself. `details` are read after the rows
    were written.
    """

    fact: str
    rows: pl.DataFrame | Iterable[pl.DataFrame] | int
    details: dict[str, Any] = field(default_factory=dict)
