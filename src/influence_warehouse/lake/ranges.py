"""Whether rows are in the range that their contract declares."""

from functools import reduce

import polars as pl

from influence_warehouse.errors import FactError
from influence_warehouse.lake.contracts import Column, Contract


def require_in_range(fact: str, contract: Contract, frame: pl.DataFrame) -> None:
    """Raise FactError naming each column with a value that its declaration excludes, and one.

    What is not a number is in every range: health checks count it, and must be able to.
    """
    checks = {column.name: _excluded(column) for column in contract.declared}
    broken = frame.select(mask.any().alias(name) for name, mask in checks.items())
    is_broken = broken.row(0, named=True)
    problems = [
        f"{column.name} holds {frame.filter(checks[column.name])[column.name][0]!r}, declared "
        f"{column.range or 'never null'}"
        for column in contract.declared
        if is_broken[column.name]
    ]
    if problems:
        raise FactError(
            f"{fact}: {'; '.join(problems)}. Remedy: correct what writes it, or the declaration in "
            "lake/contracts."
        )


def _excluded(column: Column) -> pl.Expr:
    """True for each row whose value is outside."""
    value = pl.col(column.name)
    masks = [pl.lit(False) if column.is_nullable else value.is_null()]
    if column.low is not None:
        masks.append(value < column.low)
    if column.high is not None:
        masks.append((value > column.high) & ~_is_nan(column))
    if column.values:
        masks.append(~value.is_in(column.values))
    return reduce(lambda left, right: left | right.fill_null(False), masks)


def _is_nan(column: Column) -> pl.Expr:
    return pl.col(column.name).is_nan() if column.dtype.is_float() else pl.lit(False)
