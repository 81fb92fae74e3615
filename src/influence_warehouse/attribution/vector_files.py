"""Vectors that a user brings: read from Parquet by key, checked, and kept as one array.

Everything that would make a score silently wrong is refused: a missing or repeated key, vectors of
other lengths, numbers that are none, and vectors of length 0. Does not belong here: what vectors
are compared with (`similarity`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from influence_warehouse.corpus.files import is_parquet
from influence_warehouse.corpus.readers import check_expansion
from influence_warehouse.errors import InputError
from influence_warehouse.lake.fingerprint import cached_digest_of_file
from influence_warehouse.progress import working

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS, _EXAMPLES = 2048, 5
Key = tuple[str, ...]


@dataclass(frozen=True)
class VectorFile:
    """A Parquet file of vectors: `keys` are the columns that say whose each is, `whose` that in a
    word, `field` is the study's section that names the file."""

    field: str
    path: Path
    keys: tuple[str, ...]
    column: str
    whose: str

    @property
    def columns(self) -> list[str]:
        """All columns that are read."""
        return list(dict.fromkeys([*self.keys, self.column]))

    def digest(self) -> str:
        """Digest of the file. Raises InputError where it cannot be read."""
        try:
            return cached_digest_of_file(self.path)
        except OSError as error:
            raise self.error(
                f"cannot be read ({error.strerror})", f"correct {self.field}.path"
            ) from error

    def error(self, problem: str, remedy: str) -> InputError:
        """What is wrong with the file, and what to do."""
        return InputError(f"{self.path} ({self.field}): {problem}. Remedy: {remedy}.")


def require_columns(source: VectorFile) -> None:
    """Raise InputError unless the file is Parquet with the columns that the study names."""
    import pyarrow.parquet as pq

    if not source.path.is_file() or not is_parquet(source.path.name):
        raise source.error(
            "no Parquet file of this name", f"give {source.field}.path a file that ends in .parquet"
        )
    check_expansion(source.path, str(source.path))
    schema = pq.read_schema(source.path)
    if missing := [name for name in source.columns if name not in schema.names]:
        raise source.error(
            f"no column {', '.join(map(repr, missing))}; it has {schema.names}",
            f"name its columns in {source.field}",
        )
    if not _is_vector(schema.field(source.column).type):
        raise source.error(
            f"column {source.column!r} holds {schema.field(source.column).type}, not lists of "
            "numbers",
            f"name the column of vectors in {source.field}.column",
        )
    for name in source.keys:
        if not _names_something(schema.field(name).type):
            raise source.error(
                f"column {name!r} holds {schema.field(name).type}, neither text nor whole numbers",
                f"name the column of ids in {source.field}",
            )


def write_vectors(source: VectorFile, wanted: Sequence[Key], place: Path) -> np.ndarray:
    """The vectors of `wanted`, in that order, as a float32 array in the file `place`.

    Rows of other keys are passed over. Raises InputError, naming file, section and keys.
    """
    require_columns(source)
    row_of = {key: row for row, key in enumerate(wanted)}
    is_read = np.zeros(len(wanted), dtype=bool)
    vectors: np.memmap | None = None
    with working("reading vectors", len(wanted), f"{source.whose}s") as activity:
        for keys, column in _batches(source, row_of):
            rows = np.array([row_of[key] for key in keys], dtype=np.int64)
            _require_once(source, keys, is_read[rows])
            found = _checked(source, keys, column, None if vectors is None else vectors.shape[1])
            if vectors is None:
                shape = (len(wanted), found.shape[1])
                vectors = np.lib.format.open_memmap(place, "w+", dtype=np.float32, shape=shape)
            vectors[rows] = found
            is_read[rows] = True
            activity.advance(len(rows))
    if vectors is None or not is_read.all():
        without = [wanted[row] for row in np.flatnonzero(~is_read).tolist()]
        raise source.error(
            f"no vector of {len(without)} of {len(wanted)} {source.whose}s: {_named(without)}",
            f"add them; ids are compared as text with column {source.keys[-1]!r}",
        )
    vectors.flush()
    return vectors


def _batches(source: VectorFile, wanted: dict[Key, int]) -> Iterator[tuple[list[Key], "pa.Array"]]:
    """Keys that are wanted and their vectors, some rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(source.path) as file:
        for part in file.iter_batches(_BATCH_ROWS, columns=source.columns):
            named = (part.column(name).cast(pa.string()).to_pylist() for name in source.keys)
            keys = list(zip(*named, strict=True))
            places = [place for place, key in enumerate(keys) if key in wanted]
            if places:
                chosen = part.column(source.column).take(pa.array(places, pa.int64()))
                yield [keys[place] for place in places], chosen


def _checked(
    source: VectorFile, keys: Sequence[Key], column: "pa.Array", length: int | None
) -> np.ndarray:
    """Vectors as float32 [keys, length]; of the first ones the length is not known yet."""
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    length = length or int(lengths[0]) or int(lengths.max())
    if (other := lengths != length).any():
        raise source.error(
            f"vectors of other lengths than {length}: {_named(keys, other, lengths)}",
            f"give every {source.whose} a vector of one model",
        )
    with np.errstate(over="ignore"):
        flat = pc.list_flatten(column).to_numpy(zero_copy_only=False).astype(np.float32)
    vectors = flat.reshape(len(keys), length)
    if (broken := ~np.isfinite(vectors).all(axis=1)).any():
        raise source.error(
            f"vectors with values that are no numbers: {_named(keys, broken)}",
            f"embed these {source.whose}s again, or remove NaN, infinity and null",
        )
    if (empty := (vectors == 0).all(axis=1)).any():
        raise source.error(
            f"vectors that are 0 throughout, and so have no direction: {_named(keys, empty)}",
            f"embed these {source.whose}s again",
        )
    return vectors


def _require_once(source: VectorFile, keys: Sequence[Key], was_read: np.ndarray) -> None:
    counts = Counter(keys)
    repeated = [
        key for key, before in zip(keys, was_read, strict=True) if before or counts[key] > 1
    ]
    if repeated:
        raise source.error(
            f"more than one vector of {_named(list(dict.fromkeys(repeated)))}",
            f"keep one row a {source.whose}",
        )


def _named(
    keys: Sequence[Key], chosen: np.ndarray | None = None, values: np.ndarray | None = None
) -> str:
    """The first of some keys, each with its value where there are values, and how many more."""
    places = range(len(keys)) if chosen is None else np.flatnonzero(chosen).tolist()
    names = [
        "/".join(keys[place]) + ("" if values is None else f" ({values[place]})")
        for place in places
    ]
    more = len(names) - _EXAMPLES
    return ", ".join(names[:_EXAMPLES]) + (f" and {more} more" if more > 0 else "")


def _is_vector(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_one(kind) for is_one in lists):
        return False
    return pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)


def _names_something(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return pa.types.is_integer(kind) or any(is_one(kind) for is_one in texts)
