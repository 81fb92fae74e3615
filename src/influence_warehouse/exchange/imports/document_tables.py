"""Parquet, CSV and JSONL files as DuckDB views of texts with row numbers.

Belongs here: opening a file whatever its format, and which columns it has. Does not belong here:
what the rows may say (`document_scores`).
"""

import csv
import gzip
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from influence_warehouse.corpus.streams import MAX_LINE_BYTES
from influence_warehouse.errors import InputError
from influence_warehouse.lake.fingerprint import sha256_of_file
from influence_warehouse.quoting import sql_name, sql_text

_HEADER_CHARACTERS = 1 << 20
# DuckDB reads these in a path as a pattern.
_PATTERN = "*?[]{}"
_READERS = {
    ".parquet": "read_parquet({path}, file_row_number = true)",
    ".csv": "read_csv({path}, delim = ',', {csv})",
    ".tsv": "read_csv({path}, delim = '\t', {csv})",
    ".jsonl": "read_json({path}, format = 'newline_delimited', sample_size = -1)",
}
# Nothing is guessed of a CSV file: not its dialect, nor its columns, which its first line names.
_CSV = (
    "auto_detect = false, header = true, quote = '\"', escape = '\"', "
    f"comment = '', nullstr = '', strict_mode = true, max_line_size = {MAX_LINE_BYTES}"
)
# Types whose text is the same wherever it was written: 1.0 and 1 would be two documents.
_NAMES = ("VARCHAR", "UUID", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT")
_NUMBERS = ("DOUBLE", "FLOAT", "DECIMAL", *_NAMES[2:])
_DATES = ("DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


@dataclass(frozen=True)
class Table:
    """A file that was opened: its columns with their types in DuckDB, its SQL and digest."""

    path: Path
    columns: dict[str, str]
    sql: str
    sha256: str

    def text(self, column: str) -> str:
        """SQL of a column as text. Raises InputError when it is of no type that names things."""
        self._check(column, _NAMES, "text or whole numbers")
        return f"nullif(cast({sql_name(column)} as varchar), '')"

    def number(self, column: str) -> str:
        """SQL of a column as double; null where a text is no number. Raises InputError."""
        self._check(column, (*_NUMBERS, "VARCHAR"), "numbers")
        return f"try_cast({sql_name(column)} as double)"

    def require(self, column: str, option: str) -> None:
        """Raise InputError unless the file has the column; `option` would name another one."""
        if column in self.columns:
            return
        alike = [name for name in self.columns if name.casefold() == column.casefold()]
        remedy = f"say which column it is, {option}=THEIR_COLUMN"
        if alike:
            remedy = f"{alike[0]!r} differs in case: {option}={alike[0]}"
        raise InputError(
            f"{self.path}: column missing: {column}; the file has {', '.join(self.columns)}. "
            f"Remedy: {remedy}."
        )

    def _check(self, column: str, types: tuple[str, ...], wanted: str) -> None:
        found = self.columns[column]
        # Exactly: a VARCHAR[] is no text. A decimal's name ends in its digits.
        plain = re.sub(r"\(\d+,\d+\)$", "", found)
        if plain not in types and plain.removeprefix("U") not in types:
            raise InputError(
                f"{self.path}: column {column} is {found}, not {wanted}. "
                f"Remedy: write it as {wanted}, or name another column."
            )


def open_table(connection: duckdb.DuckDBPyConnection, path: Path) -> Table:
    """A file's columns, and the SQL that reads them with `row`, from 1.

    Raises InputError when the file is missing, empty, of no format that is read, or broken.
    """
    reader = _reader(path)
    rows = read(connection, path, f"describe select * from {reader}")
    columns = {name: kind for name, kind, *_ in rows if name != "file_row_number"}
    row = "file_row_number + 1" if len(columns) < len(rows) else "row_number() over ()"
    if reader.startswith("read_json"):
        # Texts that look like dates stay the texts they are.
        columns = {n: "VARCHAR" if k in _DATES else k for n, k in columns.items()}
        mixed = [name for name, kind in columns.items() if kind == "JSON"]
        columns |= dict.fromkeys(_texts_and_integers(connection, path, reader, mixed), "VARCHAR")
        texts = ", ".join(f"{sql_name(name)}: 'VARCHAR'" for name in columns)
        reader = f"{reader.removesuffix(')')}, columns = {{{texts}}})"
    sql = f"(select {row} as {sql_name(_ROW)}, * from {reader})"
    (count,) = read(connection, path, f"select count(*) from {reader}")[0]
    if not count:
        raise InputError(f"{path}: has no rows. Remedy: give a file with a row per score.")
    return Table(path, columns, sql, sha256_of_file(path))


def _texts_and_integers(
    connection: duckdb.DuckDBPyConnection, path: Path, reader: str, mixed: list[str]
) -> list[str]:
    """Those of the columns with values of several types that hold texts and whole numbers alone."""
    types = ", ".join(f"list(distinct json_type({sql_name(name)}))" for name in mixed)
    found = read(connection, path, f"select {types} from {reader}")[0] if mixed else ()
    plain = {"VARCHAR", "BIGINT", "UBIGINT", "NULL", None}
    return [name for name, kinds in zip(mixed, found, strict=True) if plain.issuperset(kinds or ())]


def read(connection: duckdb.DuckDBPyConnection, path: Path, sql: str) -> list[tuple]:
    """Rows of a statement over the file. Raises InputError when the file is broken."""
    try:
        return connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise InputError(
            f"{path}: cannot be read ({_cause(error)}). Remedy: give a Parquet file, a CSV file in "
            "UTF-8 with a header, or JSON with an object per line."
        ) from error


def _cause(error: duckdb.Error) -> str:
    """What DuckDB says of a file, without the settings that it lists after it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Possible ", "file ", "*", "LINE "))]
    return " ".join(itertools.takewhile(lambda line: " = " not in line, told))[:600]


# The number of a row beside the file's own columns; no column of a file is called so.
_ROW = "influence warehouse row"
ROW = sql_name(_ROW)


def _reader(path: Path) -> str:
    name = path.name.casefold().removesuffix(".gz")
    suffix = Path(name).suffix.replace(".ndjson", ".jsonl")
    if suffix not in _READERS or (suffix == ".parquet" and path.name.casefold().endswith(".gz")):
        raise InputError(
            f"{path}: is no .parquet, .csv, .tsv or .jsonl file (the last three also with .gz). "
            "Remedy: convert it, or give it the name of what it is."
        )
    if any(character in _PATTERN for character in str(path)):
        raise InputError(
            f"{path}: its path has one of {' '.join(_PATTERN)}, which reads as a pattern. "
            "Remedy: rename it."
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file. Remedy: check the path.")
    if suffix == ".parquet":
        _require_each_once(path, _parquet_names(path))
    csv_options = ""
    if suffix in (".csv", ".tsv"):
        names = _header(path, "\t" if suffix == ".tsv" else ",")
        columns = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in names)
        csv_options = f"{_CSV}, columns = {{{columns}}}"
    return _READERS[suffix].format(path=sql_text(str(path)), csv=csv_options)


def _parquet_names(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path}: cannot be read as Parquet ({error}). Remedy: write the file again."
        ) from error


def _header(path: Path, delimiter: str) -> list[str]:
    """Names of a CSV file's columns. Raises InputError for none, and for one without a name."""
    opened = gzip.open if path.name.casefold().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
            text = stream.read(_HEADER_CHARACTERS)
    except (OSError, EOFError, UnicodeError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}). Remedy: give a CSV file in UTF-8 with a header."
        ) from error
    first = text.splitlines()[0] if text else ""
    names = [name.strip() for name in next(csv.reader(io.StringIO(text), delimiter=delimiter), [])]
    if not all(names) or len(names) < 2:
        raise InputError(
            f"{path}: its first line does not name two or more columns: {first[:200]!r}. "
            f"Remedy: write it with a line of names, divided by {delimiter!r}."
        )
    _require_each_once(path, names)
    return names


def _require_each_once(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"{path}: column {', '.join(twice)} stands there twice. Remedy: write it once."
        )
