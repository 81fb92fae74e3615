"""Parquet, CSV and JSONL files as DuckDB views of texts with row numbers.

Belongs here: opening a file whatever its format, and which columns it has. Does not belong here:
what the rows may say (`document_scores`).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from influence_warehouse.errors import InputError
from influence_warehouse.quoting import sql_name, sql_text

# DuckDB reads these in a path as a pattern.
_PATTERN = "*?[]{}"
_READERS = {
    ".parquet": "read_parquet({path}, file_row_number = true)",
    ".csv": "read_csv({path}, header = true, all_varchar = true, delim = ',', quote = '\"', "
    "escape = '\"', comment = '', nullstr = '', strict_mode = true)",
    ".tsv": "read_csv({path}, header = true, all_varchar = true, delim = '\t', quote = '\"', "
    "escape = '\"', comment = '', nullstr = '', strict_mode = true)",
    ".jsonl": "read_json({path}, format = 'newline_delimited', sample_size = -1)",
}
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

    def require(self, column: str, ours: str) -> None:
        """Raise InputError unless the file has the column that holds our column `ours`."""
        if column not in self.columns:
            raise InputError(
                f"{self.path}: column missing: {column} (our {ours}); the file has "
                f"{', '.join(self.columns)}. Remedy: say where it is, --map {ours}=THEIR_COLUMN."
            )

    def _check(self, column: str, types: tuple[str, ...], wanted: str) -> None:
        found = self.columns[column]
        if not found.removeprefix("U").startswith(types) and not found.startswith(types):
            raise InputError(
                f"{self.path}: column {column} is {found}, not {wanted}. "
                f"Remedy: write it as {wanted}, or name another column with --map."
            )


def open_table(connection: duckdb.DuckDBPyConnection, path: Path) -> Table:
    """A file's columns, and the SQL that reads them with `row`, from 1.

    Raises InputError when the file is missing, empty, of no format that is read, or broken.
    """
    reader = _reader(path).format(path=sql_text(str(path)))
    rows = read(connection, path, f"describe select * from {reader}")
    columns = {name: kind for name, kind, *_ in rows if name != "file_row_number"}
    row = "file_row_number + 1" if len(columns) < len(rows) else "row_number() over ()"
    if reader.startswith("read_json"):
        # Texts that look like dates stay the texts they are.
        columns = {n: "VARCHAR" if k in _DATES else k for n, k in columns.items()}
        texts = ", ".join(f"{sql_name(name)}: 'VARCHAR'" for name in columns)
        reader = f"{reader.removesuffix(')')}, columns = {{{texts}}})"
    sql = f"(select {row} as {sql_name(_ROW)}, * from {reader})"
    (count,) = read(connection, path, f"select count(*) from {reader}")[0]
    if not count:
        raise InputError(f"{path}: has no rows. Remedy: give a file with a row per score.")
    return Table(path, columns, sql, _sha256(path))


def read(connection: duckdb.DuckDBPyConnection, path: Path, sql: str) -> list[tuple]:
    """Rows of a statement over the file. Raises InputError when the file is broken."""
    try:
        return connection.execute(sql).fetchall()
    except duckdb.Error as error:
        first = " ".join(str(error).split())[:300]
        raise InputError(
            f"{path}: cannot be read ({first}). Remedy: give a Parquet file, a CSV file in UTF-8 "
            "with a header, or JSON with an object per line."
        ) from error


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
    return _READERS[suffix]


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
