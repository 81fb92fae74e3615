"""One kind of chart, as its file in `charts/` declares it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Chart:
    """Its rows, from the published copy, and its function.

    `facets` names the columns of which a chart shows one value (a benchmark, a method): a file
    per combination of them. `page` is a page of the report (`sections`), `place` where on it. An
    optional chart may have no rows (a study without contrasts or
    unlearning, or an imported one); any other empty table is an error.
    """

    sql: str
    draw: Callable[[pl.DataFrame], Any]
    facets: tuple[str, ...] = ()
    is_optional: bool = False
    page: str = "more"
    place: int = 0

    @property
    def reads(self) -> tuple[str, ...]:
        """The marts that the statement reads, alphabetically."""
        return tuple(sorted(set(re.findall(r"\bmarts\.(\w+)", self.sql))))
