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
# Of a part that is sorted at once, and how many a file is dealt out to: so many are open.
PART_BYTES, MAX_PARTS = 256 << 20, 64


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
        for position, size in enumerate(_text_bytes(frame)):
            n_rows, n_bytes = n_rows + 1, n_bytes + size
            if n_rows == GROUP_ROWS or n_bytes > GROUP_BYTES:
                held.append(frame.slice(start, position + 1 - start))
                yield pl.concat(held)
                held, start, n_rows, n_bytes = [], position + 1, 0, 0
        held.append(frame.slice(start))
    if n_rows:
        yield pl.concat(held)


def _text_bytes(frame: pl.DataFrame) -> pl.Series:
    """Bytes of each row's texts."""
    lengths = frame.select(pl.col(pl.String).str.len_bytes().cast(pl.Int64).fill_null(0))
    return sum(lengths, start=pl.zeros(frame.height, dtype=pl.Int64, eager=True))


def in_order(
    source: Path, key: str, folder: Path, keep: "np.ndarray | None" = None
) -> Iterator[pl.DataFrame]:
    """Rows of a Parquet file by their `key`, texts that are unique; those alone that `keep` says.

    What is larger than PART_BYTES is dealt out by its keys to files in `folder`, and each of
    them read so.
    """
    import pyarrow.parquet as pq

    footer = pq.read_metadata(source)
    size = sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
    n_parts = min(MAX_PARTS, 1 + size // PART_BYTES, max(1, footer.num_rows))
    if n_parts == 1:
        rows = pl.read_parquet(source)
        yield (rows if keep is None else rows.filter(pl.Series(keep))).sort(key)
        return
    some = pl.scan_parquet(source).select(key).gather_every(1 + footer.num_rows // 10_000)
    keys = some.collect(engine="streaming").to_series().drop_nulls().unique().sort()
    borders = keys.gather([len(keys) * part // n_parts for part in range(1, n_parts)])
    for part in _dealt_out(source, key, borders, folder, keep):
        yield from in_order(part, key, folder)
        part.unlink()


def _dealt_out(
    source: Path, key: str, borders: pl.Series, folder: Path, keep: "np.ndarray | None"
) -> list[Path]:
    """Files of the rows before the first border, from there to the next, and so on."""
    import pyarrow.parquet as pq

    parts = [folder / f"{source.stem}-{number}.parquet" for number in range(len(borders) + 1)]
    with pq.ParquetFile(source) as rows, ExitStack() as stack:
        schema, start = rows.schema_arrow, 0
        writers = [stack.enter_context(pq.ParquetWriter(part, schema)) for part in parts]
        for number in range(rows.num_row_groups):
            group = pl.DataFrame(rows.read_row_group(number))
            kept = group
            if keep is not None:
                kept = group.filter(pl.Series(keep[start : start + group.height]))
            start += group.height
            places = borders.search_sorted(kept[key], side="right")
            for (place,), piece in kept.group_by(places.alias("part"), maintain_order=True):
                writers[place].write_table(piece.to_arrow().cast(schema))
    return parts


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
