"""Corpus files and hub datasets as batches of rows, with the study's columns picked out.

Belongs here: opening Parquet, JSON lines and hub datasets, and checking that a column exists
and holds the right type. Does not belong here: which files there are (files), whether a row is a
good document (rows), and labels (labels).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from influence_warehouse.corpus.files import corpus_files, disguise_of, is_parquet
from influence_warehouse.corpus.streams import (
    EXPANSION_FLOOR_BYTES,
    MAX_EXPANSION,
    read_lines,
)
from influence_warehouse.errors import InputError
from influence_warehouse.lake.layout import Home
from influence_warehouse.study.corpus import HubDataset
from influence_warehouse.study.study import Study

BATCH_ROWS = 2048
TEXT_FIELDS = ("text", "prompt", "completion", "url", "source", "topic", "format")
# Keys that single JSON objects may leave out.
_OPTIONAL = ("url", "source", "label_confidence")


@dataclass(frozen=True)
class Batch:
    """Rows of one input file.

    `fields` has one list per mapped field, all as long as `rows` (row numbers in the file,
    from 1). Texts may hold lone surrogates where the input was not UTF-8.
    """

    file: str
    rows: list[int]
    fields: dict[str, list[Any]]


def corpus_path(study: Study, home: Home) -> Path | None:
    """File or folder of the study's documents; None when they come from the hub."""
    if study.planted is not None:
        return home.inputs / "documents.parquet"
    return study.corpus.path


Holds = Literal["text", "text or integer", "a number"]


@dataclass(frozen=True)
class InputColumn:
    """A column of the input that the study maps, and what it may hold: text, a number, or what
    names something, a text or an integer."""

    name: str
    holds: Holds
    is_optional: bool


Columns = dict[str, InputColumn]


def mapped_columns(study: Study) -> Columns:
    """Field -> input column, for the fields that the study maps and its labels need."""
    mapping = study.corpus.columns.model_dump()
    if study.corpus.labels == "classifiers":
        mapping |= {"topic": None, "format": None, "label_confidence": None}
    own = study.taxonomy == "columns"
    return {
        field: InputColumn(column, _holds(field, own), field in _OPTIONAL)
        for field, column in mapping.items()
        if column is not None
    }


def _holds(field: str, own_labels: bool) -> Holds:
    if field == "label_confidence":
        return "a number"
    names_something = field == "doc_id" or (own_labels and field in ("topic", "format"))
    return "text or integer" if names_something else "text"


def read_corpus(study: Study, home: Home) -> Iterator[Batch]:
    """All rows of the study's corpus in batches of at most BATCH_ROWS.

    Raises InputError naming file, column and remedy for what is missing, unreadable or of
    the wrong type.
    """
    columns = mapped_columns(study)
    path = corpus_path(study, home)
    if path is None:
        assert study.corpus.hub is not None
        yield from _read_hub(study.corpus.hub, columns)
        return
    for file, name in corpus_files(path).read.items():
        read = _read_parquet if is_parquet(name) else _read_json_lines
        yield from read(file, name, columns)


def _read_parquet(file: Path, name: str, columns: Columns) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain = check_expansion(file, name)
    wanted = list(dict.fromkeys(column.name for column in columns.values()))
    try:
        with pq.ParquetFile(file, read_dictionary=[c for c in wanted if c in plain]) as source:
            _check_schema(source.schema_arrow, name, columns)
            row, left = 1, _allowed_bytes(file)
            for part in source.iter_batches(BATCH_ROWS, columns=wanted):
                left -= sum(_decoded_bytes(column) for column in part.columns)
                if left < 0:
                    raise _expands(name, f"row {row} and those after it are longer")
                rows = list(range(row, row + part.num_rows))
                fields = {
                    field: _column_values(part.column(column.name))
                    for field, column in columns.items()
                }
                yield Batch(name, rows, _as_texts(fields, columns))
                row += part.num_rows
    except (pa.ArrowException, OSError) as error:
        raise _not_parquet(file, name, error) from error


def check_expansion(file: Path, name: str) -> set[str]:
    """Names of a Parquet file's columns that hold one value a row.

    Raises InputError for a file that grows beyond reason when it is read.

    The footer tells the size without compression, but not what a dictionary saves: a value of
    a megabyte may stand in a million rows. `read_corpus` counts that batch by batch.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        footer = pq.read_metadata(file)
    except (pa.ArrowException, OSError) as error:
        raise _not_parquet(file, name, error) from error
    groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
    read = sum(max(group.total_byte_size, 0) for group in groups)
    if max(read, footer.num_rows) > _allowed_bytes(file):
        raise _expands(name, f"it says it holds {footer.num_rows:,} rows and {read:,} bytes")
    return {footer.schema.column(i).path for i in range(footer.num_columns)}


def _allowed_bytes(file: Path) -> int:
    return max(EXPANSION_FLOOR_BYTES, MAX_EXPANSION * file.stat().st_size)


def _decoded_bytes(column) -> int:
    """Bytes of a column's values, those that share a dictionary's entry counted each time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return column.nbytes
    lengths = pc.binary_length(column.dictionary)
    return column.indices.nbytes + (pc.sum(lengths.take(column.indices)).as_py() or 0)


def _expands(name: str, finding: str) -> InputError:
    return InputError(
        f"{name}: grows to over {MAX_EXPANSION} times its size ({finding}). "
        "Remedy: write it again without compression if it is what you mean to read."
    )


def _not_parquet(file: Path, name: str, error: Exception) -> InputError:
    if disguise := disguise_of(file):
        return InputError(f"{name}: {disguise}")
    return InputError(
        f"{name}: not readable as Parquet ({error}). Remedy: write the file again; "
        "JSON lines must have a name that ends in .jsonl."
    )


def _column_values(array) -> list[Any]:
    """Python values; strings that are not valid UTF-8 come with lone surrogates."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        array.validate(full=True)
        return array.to_pylist()
    except pa.ArrowInvalid:
        return [
            value if value is None else value.decode("utf-8", errors="surrogateescape")
            for value in array.cast(pa.large_string()).view(pa.large_binary()).to_pylist()
        ]


def _check_schema(schema, name: str, columns: Columns) -> None:
    """Raise InputError for a mapped column that is missing or of the wrong Parquet type."""
    import pyarrow as pa

    def is_text(found) -> bool:
        kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        return any(is_kind(found) for is_kind in kinds)

    for field, column in columns.items():
        if column.name not in schema.names:
            raise _missing_column(name, field, column.name, schema.names)
        if (count := schema.names.count(column.name)) > 1:
            raise InputError(
                f"{name}: column {column.name!r} stands there {count} times "
                f"(study field corpus.columns.{field}). Remedy: write the file with one."
            )
        found = schema.field(column.name).type
        inner = found.value_type if pa.types.is_dictionary(found) else found
        good = is_text(inner) or pa.types.is_null(found)
        if column.holds == "text or integer":
            good = good or pa.types.is_integer(inner)
        elif column.holds == "a number":
            good = pa.types.is_floating(found) or pa.types.is_integer(found)
        if not good:
            raise _wrong_type(name, field, column, str(found))


def _missing_column(where: str, field: str, column: str, present: Iterable[str]) -> InputError:
    remedy = f"name the right column in corpus.columns.{field}"
    if field in ("topic", "format"):
        remedy += ", or see taxonomy and corpus.labels for labels that are not WebOrganizer's"
    if f"{column}=" in where:
        remedy = (
            f"{column} stands in the names of folders, where it is not read; write it into the "
            "files, with DuckDB: copy (from read_parquet('corpus/**/*.parquet', "
            "hive_partitioning = true)) to 'documents.parquet'"
        )
    elif column.split(".")[0] in present:
        remedy = (
            f"what is inside an object cannot be named; write {column.split('.')[-1]} as a column "
            f"of its own, with DuckDB: copy (select *, {column} from 'documents.jsonl') "
            "to 'documents.parquet'"
        )
    return InputError(
        f"{where}: no column {column!r} (study field corpus.columns.{field}); "
        f"it has {sorted(present)[:20]}. Remedy: {remedy}."
    )


def _wrong_type(where: str, field: str, column: InputColumn, found: str) -> InputError:
    remedy = f"map another column, or write the column as {column.holds}"
    if field in ("topic", "format") and found.startswith(("int", "uint", "dictionary<values=int")):
        remedy = (
            f"these look like numbers of classes; write each class's name, as {field} slug or "
            "title of WebOrganizer (the model card of its classifier has their order), or, if they "
            "are labels of your own, say taxonomy: columns"
        )
    return InputError(
        f"{where}: column {column.name!r} (study field corpus.columns.{field}) is {found}, "
        f"expected {column.holds}. Remedy: {remedy}."
    )


def _read_json_lines(file: Path, name: str, columns: Columns) -> Iterator[Batch]:
    rows: list[int] = []
    objects: list[dict] = []
    convert = partial(_batch_of_objects, name, columns)
    for number, line in read_lines(file, name):
        if not line.strip():
            continue
        rows.append(number)
        objects.append(json_object(line, f"{name}, line {number}"))
        if len(rows) == BATCH_ROWS:
            yield convert(rows, objects)
            rows, objects = [], []
    if rows:
        yield convert(rows, objects)


def json_object(line: str, where: str) -> dict[str, Any]:
    """The object that a line holds. Raises InputError, also for a key that is there twice."""
    try:
        value = json.loads(line, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:  # ValueError: also a number too long
        raise InputError(
            f"{where}: not valid JSON ({error}). Remedy: write one JSON object per line."
        ) from error
    if not isinstance(value, dict):
        raise InputError(
            f"{where}: holds a JSON {type(value).__name__}, expected an object with the study's "
            "columns. Remedy: write one JSON object per line, not one array."
        )
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {max(names, key=names.count)!r} is given twice")
    return found


def _batch_of_objects(name: str, columns: Columns, rows: list[int], objects: list[dict]) -> Batch:
    fields: dict[str, list[Any]] = {field: [] for field in columns}
    for row, content in zip(rows, objects, strict=True):
        for field, column in columns.items():
            where = f"{name}, row {row}"
            if column.name not in content and not column.is_optional:
                raise _missing_column(where, field, column.name, content)
            value = content.get(column.name)
            if not _accepts(column, value):
                raise _wrong_type(where, field, column, type(value).__name__)
            fields[field].append(value)
    return Batch(name, rows, _as_texts(fields, columns))


def _accepts(column: InputColumn, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return value is None
    kinds = {"text": str, "text or integer": str | int, "a number": int | float}
    return isinstance(value, kinds[column.holds])


def _as_texts(fields: dict[str, list[Any]], columns: Columns) -> dict[str, list[Any]]:
    """Integers that name something become their decimal text."""
    named = [field for field, column in columns.items() if column.holds == "text or integer"]
    texts = {
        field: [None if value is None else str(value) for value in fields[field]] for field in named
    }
    return fields | texts


def _read_hub(hub: HubDataset, columns: Columns) -> Iterator[Batch]:
    """Stream a hub dataset (or a local folder of one) without downloading it whole."""
    name = f"{hub.dataset}@{hub.revision}"
    stream = _hub_errors(name, lambda: _open_hub(hub))
    batches = iter(stream.iter(BATCH_ROWS))
    row = 1
    while (part := _hub_errors(name, lambda: next(batches, None))) is not None:
        present = list(part)
        count = len(part[present[0]])
        objects = [{key: part[key][i] for key in present} for i in range(count)]
        yield _batch_of_objects(name, columns, list(range(row, row + count)), objects)
        row += count


def _open_hub(hub: HubDataset):
    from datasets import load_dataset

    return load_dataset(
        hub.dataset, name=hub.config, revision=hub.revision, split=hub.split, streaming=True
    )


def _hub_errors(name: str, action: Callable[[], Any]) -> Any:
    """Run `action`; what the datasets library raises becomes an InputError."""
    import pyarrow as pa

    try:
        return action()
    except (OSError, ValueError, UnicodeError, pa.ArrowException) as error:
        raise InputError(
            f"{name}: the dataset cannot be read ({error}; study field corpus.hub). "
            "Remedy: check dataset, revision, config, split and the network, "
            "or download it and give corpus.path."
        ) from error
