"""What a declaration of a fact says, and how its range reads in words."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

TEXT, REAL, SCORE = pl.String(), pl.Float64(), pl.Float32()
INT, BIG, FLAG = pl.Int32(), pl.Int64(), pl.Boolean()
TEXTS, REALS = pl.List(pl.String()), pl.List(pl.Float64())


@dataclass(frozen=True)
class Column:
    """One column of a fact; `dataclasses.replace` says how it differs in another.

    `unit` is what a number counts or is measured in. `low` and `high` are the least and the
    largest number (both allowed), `values` all that a text may be.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    is_nullable: bool = False

    @property
    def range(self) -> str:
        """Unit and range in words: `documents, 0 or more; may be null`."""
        text = ", ".join(part for part in (self.unit, self._bounds()) if part)
        if self.is_nullable and "null" not in self.meaning:
            text = f"{text}; may be null" if text else "may be null"
        return text

    @property
    def description(self) -> str:
        """Meaning, unit and range, as tables describe the column."""
        return f"{self.meaning} [{self.range}]" if self.range else self.meaning

    def _bounds(self) -> str:
        if self.values:
            return " or ".join(f"`{value}`" for value in self.values)
        if self.low is not None and self.high is not None:
            return f"{self.low:,g} to {self.high:,g}"
        if self.low is not None:
            return f"{self.low:,g} or more"
        return "" if self.high is None else f"at most {self.high:,g}"


@dataclass(frozen=True)
class Contract:
    """Columns, and the key that totally orders the rows.

    `description` ends with the grain: one row per what. `in_parts`: one file per part of the step
    that makes the fact, named by the part's key.
    """

    description: str
    declared: tuple[Column, ...]
    key: tuple[str, ...]
    in_parts: bool = False

    @cached_property
    def columns(self) -> dict[str, pl.DataType]:
        """Dtype of each column by its name, in their order."""
        return {column.name: column.dtype for column in self.declared}
