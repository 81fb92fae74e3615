"""Whether two DuckDB files hold the same marts: keys, texts and counts equal, numbers close.

Run with two files, it prints the largest difference of each mart that has one.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
from polars.testing import assert_frame_equal

from influence_warehouse.warehouse.dictionary import marts

TOLERANCE = 1e-9
# Below this share of a column's largest number a value counts as that share: a sum that cancels
# to zero has no digits of its own.
FLOOR = 1e-3


def differences(one: Path, other: Path) -> Iterator[tuple[str, str, float]]:
    """Mart, column and the largest difference of its numbers, relative to the larger of the two.

    Raises AssertionError where rows, columns, types, or anything but a number differ.
    """
    for mart in (described["name"] for described in marts()):
        first, second = (_rows(path, mart) for path in (one, other))
        exact = [name for name, dtype in first.schema.items() if not dtype.is_float()]
        assert first.schema == second.schema, mart
        try:
            assert_frame_equal(first.select(exact), second.select(exact))
        except AssertionError as error:
            raise AssertionError(f"marts.{mart}: {error}") from error
        for column in first.columns:
            if column not in exact:
                yield mart, column, _difference(mart, first[column], second[column])


def _rows(path: Path, mart: str) -> pl.DataFrame:
    with duckdb.connect(str(path), read_only=True) as connection:
        frame = connection.table(f"marts.{mart}").pl()
    # Numbers last, and only to order rows that are equal otherwise.
    return frame.sort(sorted(frame.columns, key=lambda name: frame[name].dtype.is_float()))


def _difference(mart: str, first: pl.Series, second: pl.Series) -> float:
    assert first.is_null().equals(second.is_null()), f"marts.{mart}.{first.name}: other nulls"
    a, b = first.drop_nulls(), second.drop_nulls()
    assert a.is_finite().all() and b.is_finite().all(), f"marts.{mart}.{first.name}: not finite"
    if a.is_empty():
        return 0.0
    size = pl.DataFrame({"a": a.abs(), "b": b.abs()}).max_horizontal()
    largest = size.max()
    if not largest:
        return 0.0
    return float(((a - b).abs() / size.clip(lower_bound=FLOOR * largest)).max())


if __name__ == "__main__":
    worst: dict[str, tuple[float, str]] = {}
    for mart, column, difference in differences(Path(sys.argv[1]), Path(sys.argv[2])):
        worst[mart] = max(worst.get(mart, (0.0, "")), (difference, column))
    for mart, (difference, column) in sorted(worst.items(), key=lambda each: -each[1][0]):
        print(f"{difference:9.2e} {mart}.{column}")
