"""Tables larger than memory: DuckDB that spills, and Parquet written a group of rows at a time.

Belongs here: what bounds memory. DuckDB works on 2,048 rows at a time and thread, so it gets no
long texts; `in_order` sorts those. Does not belong here: what rows mean, and the contracts and
order of facts (`facts`).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import duckdb
    import numpy as np

MEMORY_LIMIT = "2GB"  # of DuckDB's tables, sorts and joins; what exceeds it goes to disk
# A group of rows ends at either; the footer of 50 million rows stays at some megabytes.
GROUP_ROWS, GROUP_BYTES = 8192, 64 << 20
# Of a part that is sorted at once. As many files are open as there are parts.
PART_BYTES, MAX_PARTS = 256 << 20, 512


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
    """The same rows in frames that end at GROUP_ROWS rows or past GROUP_BYTES of text.

    Where a frame ends depends on the rows alone. There is none without rows.
    """
    held: list[pl.DataFrame] = []
    n_rows = n_bytes = 0
    for frame in frames:
        start = 0
        for position, size in enumerate(text_bytes(frame)):
            n_rows, n_bytes = n_rows + 1, n_bytes + size
            if n_rows == GROUP_ROWS or n_bytes > GROUP_BYTES:
                held.append(frame.slice(start, position + 1 - start))
                yield pl.concat(held)
                held, start, n_rows, n_bytes = [], position + 1, 0, 0
        held.append(frame.slice(start))
    if n_rows:
        yield pl.concat(held)


def text_bytes(frame: pl.DataFrame) -> pl.Series:
    """Bytes of each row's texts."""
    lengths = pl.col(pl.String).str.len_bytes().fill_null(0)
    return frame.select(pl.sum_horizontal(lengths).cast(pl.Int64)).to_series()


def in_order(
    source: Path, keep: "np.ndarray", key: str, borders: pl.Series, folder: Path
) -> Iterator[pl.DataFrame]:
    """Rows of a Parquet file by their `key`, a text; those alone that `keep` (bool) says.

    They are dealt out to files in `folder` by the sorted `borders` of keys, and sorted file by
    file; where the borders are changes nothing else.
    """
    import pyarrow.parquet as pq

    parts = [folder / f"part-{number}.parquet" for number in range(len(borders) + 1)]
    with pq.ParquetFile(source) as rows, ExitStack() as stack:
        schema, start = rows.schema_arrow, 0
        writers = [stack.enter_context(pq.ParquetWriter(part, schema)) for part in parts]
        for number in range(rows.num_row_groups):
            group = pl.DataFrame(rows.read_row_group(number))
            kept = group.filter(pl.Series(keep[start : start + group.height]))
            start += group.height
            places = borders.search_sorted(kept[key])
            for (place,), piece in kept.group_by(places.alias("part"), maintain_order=True):
                writers[place].write_table(piece.to_arrow().cast(schema))
    for part in parts:
        yield pl.read_parquet(part).sort(key)
        part.unlink()


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
