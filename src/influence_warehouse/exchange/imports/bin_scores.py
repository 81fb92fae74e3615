"""Bin-level scores from CSV: one file per benchmark, checked line by line.

Columns topic_label, format_label, mean_score, zscore, doc_count; others are left aside. Belongs
here: what a file may say and what is refused. Does not belong here: facts (`bin_facts`).
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from influence_warehouse.corpus.labels import slug_of
from influence_warehouse.errors import InputError
from influence_warehouse.exchange.imports.problems import refuse
from influence_warehouse.lake.fingerprint import sha256_of_file
from influence_warehouse.taxonomy import bin_id

COLUMNS = ("topic_label", "format_label", "mean_score", "zscore", "doc_count")
_SCHEMA = {
    "bin_id": pl.Int32,
    "n_documents": pl.Int64,
    "mean": pl.Float64,
    "stated_z": pl.Float64,
}
_MAX_BYTES = 16 << 20  # of 576 lines


@dataclass(frozen=True)
class BinScores:
    """Rows of a file for the bins with documents: bin_id, n_documents, mean, stated_z.

    `lines` gives the file's line of each bin.
    """

    path: Path
    sha256: str
    rows: pl.DataFrame
    lines: dict[int, int]


def read_bin_scores(path: Path, z_tolerance: float) -> BinScores:
    """The bins of a file. A bin without a line, or with doc_count 0, has no documents.

    Raises InputError naming file, line, column and remedy: a missing column, an unknown label, a
    bin twice, what is not a finite number, a negative or broken count, z that its means do not
    give within `z_tolerance` (unweighted over the bins with documents, ddof = 1).
    """
    header, cells = _cells(path)
    found: list[tuple[int, int, float | None, float | None]] = []
    lines: dict[int, int] = {}
    problems: list[str] = []
    for line, row in cells:
        try:
            cell, documents, mean, z = _bin(dict(zip(header, row, strict=True)))
            if cell in lines:
                raise ValueError(f"topic_label, format_label: the bin of line {lines[cell]} again")
            lines[cell] = line
            if documents:
                found.append((cell, documents, mean, z))
        except ValueError as error:
            problems.append(f"line {line}, {error}")
    refuse(path, problems, "correct these lines, or leave bins without documents out")
    rows = pl.DataFrame(found, schema=_SCHEMA, orient="row").sort("bin_id")
    refuse(path, _z_problems(rows, lines, z_tolerance), _Z_REMEDY)
    return BinScores(path, sha256_of_file(path), rows, lines)


_Z_REMEDY = (
    "give the means that the z were computed from; if the file's figures are rounded, say how far "
    "z may differ with --z-tolerance (0.005 for two decimals)"
)


def check_one_sample(files: dict[str, BinScores]) -> None:
    """Raise InputError unless all files count the same documents in every bin.

    Contrasts and correlations compare benchmarks over one sample.
    """
    first, *others = files.values()
    expected = dict(first.rows["bin_id", "n_documents"].iter_rows())
    for other in others:
        counts = dict(other.rows["bin_id", "n_documents"].iter_rows())
        problems = [
            f"{_where(other, cell)}: {counts.get(cell, 0)} documents, but {expected.get(cell, 0)} "
            f"in {first.path.name} ({_where(first, cell)})"
            for cell in sorted(expected.keys() | counts.keys())
            if counts.get(cell, 0) != expected.get(cell, 0)
        ]
        remedy = "import what was scored on another sample as a study of its own (--study)"
        refuse(other.path, problems, remedy)


def _where(scores: BinScores, cell: int) -> str:
    line = scores.lines.get(cell)
    return f"line {line}, doc_count" if line else f"no line for bin {cell}"


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header, and number and cells of each line that is not blank.

    Raises InputError when the file is no CSV with the columns, or a line has another width.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise OSError(f"over {_MAX_BYTES:,} bytes, a bin takes one line")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            rows = [(reader.line_num, row) for row in reader if any(row)]
    except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8, NUL in the name
        raise InputError(
            f"{path}: cannot be read as CSV ({error}). "
            f"Remedy: give a UTF-8 file with the columns {', '.join(COLUMNS)}."
        ) from error
    header = [name.strip() for name in rows[0][1]] if rows else []
    wrong = [f"line 1: column missing: {name}" for name in COLUMNS if name not in header]
    wrong += [f"line 1: column twice: {name}" for name in COLUMNS if header.count(name) > 1]
    refuse(path, wrong, f"name the columns {', '.join(COLUMNS)}")
    ragged = [
        f"line {line}: {len(row)} cells, but {len(header)} columns"
        for line, row in rows
        if len(row) != len(header)
    ]
    refuse(path, ragged, "correct these lines; quote a cell that holds a comma")
    return header, rows[1:]


def _bin(row: dict[str, str]) -> tuple[int, int, float | None, float | None]:
    """bin_id, documents, mean and z of one line. Raises ValueError naming the column."""
    slugs = []
    for kind in ("topic", "format"):
        slug = slug_of(kind, row[f"{kind}_label"])
        if slug is None:
            raise ValueError(f"{kind}_label: {row[f'{kind}_label']!r} is no {kind} of WebOrganizer")
        slugs.append(slug)
    cell, count = bin_id(*slugs), row["doc_count"]
    documents = _number("doc_count", count)
    if documents < 0 or documents != math.floor(documents):
        raise ValueError(f"doc_count: {count!r} is not a count of documents (0, 1, 2 ...)")
    if documents:
        mean = _number("mean_score", row["mean_score"])
        return cell, int(documents), mean, _number("zscore", row["zscore"])
    for column in ("mean_score", "zscore"):
        if row[column].strip().casefold() not in ("", "nan", "null"):
            raise ValueError(f"{column}: {row[column]!r}, but doc_count is 0: no value is possible")
    return cell, 0, None, None


def _number(column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{column}: {text!r} is not a number") from None
    # Python reads 1_000, which no spreadsheet writes.
    if not math.isfinite(value) or "_" in text:
        raise ValueError(f"{column}: {text!r} is not a finite number")
    return value


def _z_problems(rows: pl.DataFrame, lines: dict[int, int], tolerance: float) -> list[str]:
    """Bins whose stated z is not that of the means; or why z cannot be computed."""
    mean, stated = rows["mean"].to_numpy(), rows["stated_z"].to_numpy()
    if len(rows) < 2 or not mean.std() > 0:
        return ["mean_score: fewer than two different values, so that z does not exist"]
    z = (mean - mean.mean()) / mean.std(ddof=1)
    return [
        f"line {lines[cell]}, zscore: {given:.6g}, but the means give {own:.6g}"
        for cell, given, own in zip(rows["bin_id"], stated, z, strict=True)
        if not abs(given - own) <= tolerance
    ]
