"""Facts in object storage: objects of a bucket that stand where files of a lake would.

An object appears whole or not at all, so one upload is as safe as a rename. All of it goes
through fsspec (s3fs), what DuckDB reads too: there is one way to find credentials and endpoint,
that of AWS' own tools, and no extension for DuckDB to download.
Belongs here: what differs from files. Does not belong here: what a fact is (`facts`), and which
study's facts are where (`facts_place`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.seals import footer
from influence_warehouse.secrecy import redacted

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    from upath import UPath

# A fact's file, or its object; both have the methods of pathlib.
FactPath: TypeAlias = "Path | UPath"

_REMEDY = (
    "Remedy: check the address, the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID ...), the endpoint "
    "(AWS_ENDPOINT_URL), and that they may list, get, put and delete objects there."
)


@cache
def folder_at(url: str) -> "UPath":
    """The folder of objects that an address names; asks for nothing yet."""
    from upath import UPath

    # Other processes write, too: what was listed once may be wrong.
    return UPath(url, use_listings_cache=False)


@cache
def require_reachable(folder: "UPath") -> None:
    """Raise WarehouseError when the bucket is not there or not ours to list.

    Asked once a process: a missing bucket would otherwise look like a lake without any fact.
    """
    if find_spec("s3fs") is None:
        raise WarehouseError(
            f"{folder}: the extra `s3` is not installed. "
            "Remedy: pip install 'influence-warehouse[s3]'"
        )
    with naming_refusals(folder):
        folder.fs.info(folder.drive)


@contextmanager
def naming_refusals(path: FactPath) -> Iterator[None]:
    """Turn what refuses in reaching an object into WarehouseError, without any secret in it.

    Of a file nothing is turned: what its disk says, its readers and writers know best.
    """
    if isinstance(path, Path):
        yield
        return
    from aiohttp import ClientError as BrokenConnection
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (OSError, BrokenConnection, BotoCoreError, ClientError) as error:
        # Without its cause, whose own text may be shown by what prints chains of errors.
        raise WarehouseError(
            f"{path}: cannot be reached ({redacted(str(error))}). {_REMEDY}"
        ) from None


def put(file: Path, path: "UPath") -> None:
    """Upload a file; until that has ended the earlier object stands."""
    with naming_refusals(path):
        path.fs.put_file(str(file), path.path)


def remove(path: FactPath) -> None:
    """Delete a file or an object."""
    if isinstance(path, Path):
        path.unlink()
        return
    with naming_refusals(path):
        path.fs.rm_file(path.path)


def version(path: FactPath) -> tuple[object, ...]:
    """What changes whenever a fact's file or object is replaced."""
    with naming_refusals(path):
        state: Any = path.stat()
    if isinstance(path, Path):
        return (state.st_ino, state.st_size, state.st_mtime_ns)
    return (state.as_info()["ETag"], state.st_size)


def metadata(path: FactPath) -> dict[str, str]:
    """The footer's metadata of a Parquet file or object. Raises what polars raises."""
    import polars as pl

    if isinstance(path, Path):
        return pl.read_parquet_metadata(path)
    # Polars would fetch the whole object.
    return pl.read_parquet_metadata(BytesIO(footer(path)))


def scan(path: FactPath) -> "pl.LazyFrame":
    """Rows of a Parquet file or object, in their order; of an object only what is asked for."""
    import polars as pl

    if isinstance(path, Path):
        return pl.scan_parquet(path)
    return pl.scan_pyarrow_dataset(_dataset(path))


def rows(path: FactPath) -> int:
    """Number of rows, from the footer."""
    import polars as pl

    if isinstance(path, Path):
        return pl.scan_parquet(path).select(pl.len()).collect().item()
    return _dataset(path).count_rows()


def _dataset(path: "UPath") -> Any:
    from pyarrow.dataset import dataset

    return dataset(path.path, filesystem=path.fs, format="parquet")


def let_duckdb_read(connection: "duckdb.DuckDBPyConnection", path: FactPath) -> None:
    """Have `read_parquet` of a connection find objects where `path` is one."""
    if not isinstance(path, Path):
        connection.register_filesystem(path.fs)
