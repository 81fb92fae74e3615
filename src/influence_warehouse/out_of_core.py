"""Tables larger than memory: DuckDB that spills, and Parquet written a group of rows at a time.

Belongs here: what bounds memory. Does not belong here: what rows mean, and the contracts and
order of facts (`facts`).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "2GB"  # of DuckDB's tables, sorts and joins; what exceeds it goes to disk
# A few hundred megabytes of long documents; the footer of 50 million rows stays at some megabytes.
GROUP_ROWS = 8192


@contextmanager
def spilling(folder: Path) -> Iterator["duckdb.DuckDBPyConnection"]:
    """DuckDB without a file of its own; what exceeds MEMORY_LIMIT goes to `folder`."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set temp_directory = ?", [str(folder)])
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set preserve_insertion_order = false")
        yield connection


def in_groups(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in frames of GROUP_ROWS rows, the last one shorter; none without rows."""
    held: list[pl.DataFrame] = []
    count = 0
    for frame in frames:
        held.append(frame)
        count += frame.height
        while count >= GROUP_ROWS:
            rows = pl.concat(held)
            yield rows.head(GROUP_ROWS)
            held, count = [rows.slice(GROUP_ROWS)], count - GROUP_ROWS
    if count:
        yield pl.concat(held)


def write_groups(
    path: Path,
    frames: Iterable[pl.DataFrame],
    columns: Mapping[str, pl.DataType],
    key: Iterable[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write frames of these `columns` to a Parquet file; the number of rows.

    The bytes do not depend on how the rows are cut into frames. Raises OSError.
    """
    import pyarrow.parquet as pq

    schema, rows = pl.DataFrame(schema=dict(columns)).to_arrow().schema, 0
    options = {
        "compression": "zstd",
        "compression_level": 3,  # polars' own
        # Only by its key is a table sought; the smallest and largest text would fill the footer.
        "write_statistics": list(key),
    }
    with pq.ParquetWriter(path, schema, **options) as writer:
        for group in in_groups(frames):
            writer.write_table(group.to_arrow().cast(schema))
            rows += group.height
        writer.add_key_value_metadata(dict(metadata or {}))
    return rows
