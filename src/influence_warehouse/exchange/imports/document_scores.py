"""Document scores and the documents they are of, read into DuckDB and checked.

Belongs here: what the two files may say and what is refused. Does not belong here: opening
them (`document_tables`), labels (`groups`) and facts (`document_facts`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from influence_warehouse.errors import InputError, StudyError
from influence_warehouse.exchange.imports.document_checks import (
    check_keys,
    check_one_sample,
    check_spread,
    refuse_rows,
    suspicion,
)
from influence_warehouse.exchange.imports.document_study import AXES, ScoredDocuments, ScoreFile
from influence_warehouse.exchange.imports.document_tables import ROW, Table, open_table, read
from influence_warehouse.exchange.imports.groups import labelled_bins
from influence_warehouse.exchange.imports.problems import SHOWN, refuse
from influence_warehouse.own_labels import (
    MAX_BINS,
    ONE_LABEL,
    SPELT_SQL,
    label_problem,
    labels_problem,
    pairs_problem,
)
from influence_warehouse.progress import counted, working
from influence_warehouse.quoting import sql_name, sql_text

# Facts hold scores as 32-bit floats.
_LARGEST = 3.4e38


@dataclass(frozen=True)
class ReadScores:
    """What was read. The connection has the tables

    `scored` (file, row, method, benchmark, item_id, doc_id, bin_id, score; item_id null in scores
    per benchmark), `sample` (doc_id, text, url, source, topic, format, bin_id: the documents with
    scores) and `cells` (bin_id, topic, format).

    `groupings` are the names of what `topic` and `format` hold; the second is None where
    documents have one label. `benchmarks` come in the order of the files. `suspicion` says what
    looks wrong and may be right.
    """

    connection: duckdb.DuckDBPyConnection
    files: list[Table]
    documents: Table
    groupings: tuple[str, str | None]
    benchmarks: list[str]
    has_text: bool
    n_without_score: int
    suspicion: str | None


def read_document_scores(
    study: ScoredDocuments, connection: duckdb.DuckDBPyConnection
) -> ReadScores:
    """Read and check all files of an import.

    Raises InputError naming file, row, column and remedy.
    """
    with working(f"reading {study.documents.name}"):
        documents, groupings = _read_documents(study, connection)
    connection.execute(
        "create table raw (file integer, row bigint, method varchar, benchmark varchar, "
        "item_id varchar, doc_id varchar, score double)"
    )
    files = []
    for number, file in enumerate(counted(study.scores, "reading", "files of scores")):
        files.append(_read_scores(study, connection, number, file))
    with working("checking scores"):
        benchmarks = _name(connection, files, study.negated)
        check_keys(connection, files, documents)
        check_one_sample(connection, files)
        connection.execute(
            "create table sample as select * exclude (row) from documents "
            "semi join scored using (doc_id)"
        )
        check_spread(connection, files)
    has_text, total = read(
        connection, documents.path, "select count(text) > 0, count(*) from documents"
    )[0]
    (kept,) = read(connection, documents.path, "select count(*) from sample")[0]
    return ReadScores(
        *(connection, files, documents, groupings, benchmarks, has_text, total - kept),
        suspicion(connection, files[0]),
    )


def _read_documents(
    study: ScoredDocuments, connection: duckdb.DuckDBPyConnection
) -> tuple[Table, tuple[str, str | None]]:
    table = open_table(connection, study.documents)
    groupings = _groupings(study, table)
    doc_id = study.column("documents", "doc_id")
    table.require(doc_id, "--map documents.doc_id")
    fields = {"doc_id": table.text(doc_id)}
    for number, (name, column) in enumerate(groupings):
        table.require(column, f"--group {name}")
        fields[f"label_{number}"] = SPELT_SQL.format(table.text(column))
    fields.setdefault("label_1", "null::varchar")
    for ours in ("text", "url", "source"):
        column = study.column("documents", ours)
        if study.is_mapped(ours):
            table.require(column, f"--map {ours}")
        fields[ours] = table.text(column) if column in table.columns else "null::varchar"
    selected = ", ".join(f"{sql} as {name}" for name, sql in fields.items())
    sql = f"create table labelled as select {ROW} as row, {selected} from {table.sql}"
    read(connection, table.path, sql)
    _check_documents(connection, table, len(groupings))
    _number_bins(connection, table, len(groupings))
    names = [name for name, _ in groupings]
    return table, (names[0], names[1] if len(names) > 1 else None)


def _groupings(study: ScoredDocuments, table: Table) -> list[tuple[str, str]]:
    """Name and column of each grouping: as told, else the columns topic and format."""
    given = [(grouping.name, grouping.column) for grouping in study.groupings]
    found = given or [(axis, axis) for axis in AXES if axis in table.columns]
    if not found:
        raise InputError(
            f"{table.path}: no column says how documents are grouped; the file has "
            f"{', '.join(table.columns)}. Remedy: --group NAME=COLUMN, once or twice."
        )
    return found


def _check_documents(connection: duckdb.DuckDBPyConnection, table: Table, n_labels: int) -> None:
    missing = " or ".join(f"label_{number} is null" for number in range(n_labels))
    refuse_rows(
        connection,
        table,
        "select row as place, format('row {}: doc_id or label is empty (doc_id {})', row, "
        f"coalesce(doc_id, 'empty')) as problem from labelled where doc_id is null or {missing}",
        "give each document an id and its labels, or leave it out",
    )
    refuse_rows(
        connection,
        table,
        "select min(row) as place, format('rows {} and {}: doc_id {} twice', min(row), max(row), "
        "doc_id) as problem from labelled group by doc_id having count(*) > 1",
        "keep one row per document",
    )


def _number_bins(connection: duckdb.DuckDBPyConnection, table: Table, n_labels: int) -> None:
    """Tables `cells` and `documents`: bins, and the documents with theirs."""
    labels = [_labels(connection, table, number) for number in range(n_labels)]
    first, second = labels[0], labels[1] if n_labels > 1 else None
    wrong = pairs_problem(first, second or [ONE_LABEL])
    refuse(table.path, [wrong] if wrong else [], _FEWER)
    cells = labelled_bins(first, second)
    connection.register("labelled_cells", cells.to_arrow())
    connection.execute(
        "create table cells as select distinct bin_id, topic, format from labelled_cells"
    )
    connection.execute(
        "create table documents as select row, doc_id, text, url, source, topic, format, bin_id "
        "from labelled join labelled_cells on label_0 = first_label "
        "and label_1 is not distinct from second_label"
    )
    connection.execute("drop table labelled")


_FEWER = (
    "group by a coarser label, write / otherwise in labels, or name another column with --group "
    "NAME=COLUMN"
)


def _labels(connection: duckdb.DuckDBPyConnection, table: Table, number: int) -> list[str]:
    sql = f"select distinct label_{number} from labelled limit {MAX_BINS + 1}"
    labels = sorted(label for (label,) in read(connection, table.path, sql))
    problems = [f"label {text!r} {why}" for text in labels if (why := label_problem(text))]
    if wrong := labels_problem(labels):
        problems.append(wrong)
    refuse(table.path, problems, f"correct these labels; {_FEWER}")
    return labels


def _read_scores(
    study: ScoredDocuments, connection: duckdb.DuckDBPyConnection, number: int, file: ScoreFile
) -> Table:
    """Add a file's rows to `raw`, a wide one once per benchmark."""
    table = open_table(connection, file.path)
    doc_id = study.column("scores", "doc_id")
    table.require(doc_id, "--map scores.doc_id")
    item_id = _column(study, table, "item_id")
    method = _name_of(study, table, "method", file.method or study.method)
    if study.wide:
        parts = [(sql_text(name), column) for name, column in study.wide.items()]
    else:
        constant = file.benchmark or study.benchmark
        parts = [(_name_of(study, table, "benchmark", constant), study.column("scores", "score"))]
    for benchmark, score in parts:
        table.require(score, f"--map score:{benchmark}" if study.wide else "--map score")
        fields = [method, benchmark, item_id, table.text(doc_id), table.number(score)]
        selected = f"select {number}, {ROW}, {', '.join(fields)} from {table.sql}"
        read(connection, table.path, f"insert into raw {selected}")
    has_items = item_id != _NONE
    wrong = f"score is null or not isfinite(score) or abs(score) > {_LARGEST}"
    empty = ["doc_id", "method", "benchmark", *(["item_id"] if has_items else [])]
    refuse_rows(
        connection,
        table,
        f"select row as place, format('row {{}}: {{}} is empty', row, case {_first_empty(empty)} "
        f"end) as problem from raw where file = {number} and ({_any_empty(empty)})",
        "correct these rows, or leave them out",
    )
    for benchmark, score in parts:
        of_benchmark = f"benchmark is not distinct from {benchmark}" if study.wide else "true"
        _refuse_scores(
            connection, table, f"file = {number} and {of_benchmark} and ({wrong})", score
        )
    return table


def _refuse_scores(
    connection: duckdb.DuckDBPyConnection, table: Table, where: str, column: str
) -> None:
    """Refuse the scores of `raw` that are no finite 32-bit floats, as they stand in the file."""
    sql = f"select row, count(*) over () from raw where {where} order by row limit {SHOWN}"
    rows = read(connection, table.path, sql)
    if not rows:
        return
    places = ", ".join(str(row) for row, _ in rows)
    sql = (
        f"select {ROW}, cast({sql_name(column)} as varchar) from {table.sql} "
        f"where {ROW} in ({places}) order by all"
    )
    problems = [
        f"row {row}, {column}: {given!r} is not a finite number of 32 bits"
        for row, given in read(connection, table.path, sql)
    ]
    refuse(table.path, problems, "correct these rows, or leave them out", rows[0][1])


def _first_empty(names: list[str]) -> str:
    return " ".join(f"when {name} is null then '{name}'" for name in names)


def _any_empty(names: list[str]) -> str:
    return " or ".join(f"{name} is null" for name in names)


_NONE = "null::varchar"


def _column(study: ScoredDocuments, table: Table, ours: str) -> str:
    """SQL of an optional column; null where the file has none and none was named."""
    column = study.column("scores", ours)
    if study.is_mapped(ours):
        table.require(column, f"--map {ours}")
    return table.text(column) if column in table.columns else _NONE


def _name_of(study: ScoredDocuments, table: Table, ours: str, told: str | None) -> str:
    """SQL of the method or benchmark: the file's column, or what the command says."""
    column = _column(study, table, ours)
    if (column == _NONE) == (told is None):
        wrong = (
            f"no column {study.column('scores', ours)}, and no {ours} was given"
            if told is None
            else f"{ours} {told!r} was given, but the file has a column {ours}"
        )
        remedy = f"name its {ours} once: --{ours} NAME, --map {ours}=COLUMN, or before the file"
        refuse(table.path, [wrong], f"{remedy}, as --help shows")
    return column if told is None else sql_text(told)


def _name(
    connection: duckdb.DuckDBPyConnection, files: list[Table], negated: Sequence[str]
) -> list[str]:
    """Table `scored`: `raw` with slugs for names, signs turned and the documents' bins.

    Returns the benchmarks.
    """
    for kind in ("method", "benchmark"):
        sql = f"select {kind} from raw group by {kind} order by min(rowid)"
        names = [name for (name,) in read(connection, files[0].path, sql)]
        slugs = {name: slugged(name) for name in names}
        clashes = [n for n in names if not slugs[n] or list(slugs.values()).count(slugs[n]) > 1]
        problems = [f"{kind} {name!r} would be called {slugs[name]!r}" for name in clashes]
        remedy = "give names that differ in their letters a-z and digits"
        refuse(files[0].path, problems, remedy)
        frame = pl.DataFrame({kind: names, "slug": [slugs[name] for name in names]})
        connection.register(f"{kind}_names", frame.to_arrow())
        if kind == "method" and (unknown := sorted(set(negated) - set(slugs.values()))):
            raise StudyError(
                f"--negate: no scores of method {', '.join(unknown)}. "
                f"Remedy: name one of {', '.join(slugs.values())}."
            )
    turned = ", ".join(map(sql_text, negated)) or "null"
    connection.execute(
        "create table scored as select file, raw.row, m.slug as method, b.slug as benchmark, "
        f"item_id, doc_id, bin_id, case when m.slug in ({turned}) then -score else score end "
        "as score from raw join method_names as m on raw.method = m.method "
        "join benchmark_names as b on raw.benchmark = b.benchmark left join documents "
        "using (doc_id)"
    )
    connection.execute("drop table raw")
    return [slugs[name] for name in names]


def slugged(name: str) -> str:
    """A name as a slug: `MMLU (STEM)` is `mmlu_stem`; empty where no letter or digit is left."""
    return re.sub(r"[^a-z0-9_-]+", "_", name.casefold()).strip("_-")[:64]
