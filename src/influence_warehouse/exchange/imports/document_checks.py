"""What the scores and documents of an import must be together, in the tables of `document_scores`.

Each check raises InputError naming the file, its first problems and the remedy.
"""

import duckdb

from influence_warehouse.exchange.imports.document_tables import Table, read
from influence_warehouse.exchange.imports.problems import SHOWN, refuse
from influence_warehouse.quoting import sql_text


def check_keys(connection: duckdb.DuckDBPyConnection, files: list[Table], documents: Table) -> None:
    """Every score is of a document, and each document has one of a method, benchmark and item."""
    remedy = (
        "add the documents, or say which columns hold the ids, "
        "--map scores.doc_id=A --map documents.doc_id=B"
    )
    unknown = "select count(*) from scored where bin_id is null"
    if read(connection, files[0].path, unknown)[0][0] and _items_are_documents(
        connection, files[0]
    ):
        remedy = f"every item_id is a document, so that the two seem swapped; {_SWAPPED}"
    for number, table in enumerate(files):
        refuse_rows(
            connection,
            table,
            "select row as place, format('row {}: doc_id {} is not in {}', row, doc_id, "
            f"{sql_text(documents.path.name)}) as problem "
            f"from scored where file = {number} and bin_id is null",
            remedy,
        )
    refuse_rows(
        connection,
        files[0],
        "select min((file, row)) as place, format('{} {}, item {}, doc_id {}: {} scores', method, "
        "benchmark, coalesce(item_id, 'none'), doc_id, count(*)) as problem from scored "
        "group by method, benchmark, item_id, doc_id having count(*) > 1",
        "keep one score for each document, and item if there are items",
    )


_SWAPPED = "if so: --map scores.doc_id=ITEM_COLUMN --map item_id=DOCUMENT_COLUMN"


def _items_are_documents(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    sql = (
        "select count(*) > 0 and bool_and(item_id in (select doc_id from documents)) "
        "from (select distinct item_id from scored where item_id is not null)"
    )
    return bool(read(connection, table.path, sql)[0][0])


def suspicion(connection: duckdb.DuckDBPyConnection, table: Table) -> str | None:
    """What looks like a matrix that was written with documents and items swapped."""
    sql = "select count(distinct item_id), count(distinct doc_id) from scored"
    items, scored = read(connection, table.path, sql)[0]
    (documents,) = read(connection, table.path, "select count(*) from documents")[0]
    if not scored < items <= documents or not _items_are_documents(connection, table):
        return None
    return (
        f"{table.path}: scores of {scored:,} documents by {items:,} items, and every item_id is "
        f"the id of a document: is the matrix transposed? {_SWAPPED}"
    )


def check_one_sample(connection: duckdb.DuckDBPyConnection, files: list[Table]) -> None:
    """Every method scores every benchmark, and every item, for the same documents."""
    read(
        connection,
        files[0].path,
        "create temp table groups as select method, benchmark, item_id, count(*) as n, "
        "min((file, row)) as place from scored group by method, benchmark, item_id",
    )
    refuse_rows(
        connection,
        files[0],
        "select min(place) as place, format('method {} has scores with and without item_id', "
        "method) as problem from groups group by method "
        "having count(item_id) > 0 and count(*) > count(item_id)",
        "give one method scores per item, or scores per benchmark; call the other differently",
    )
    refuse_rows(
        connection,
        files[0],
        "select (0, 0) as place, format('method {} has no scores for {}', m.method, b.benchmark) "
        "as problem from (select distinct method from groups) as m "
        "cross join (select distinct benchmark from groups) as b "
        "anti join groups using (method, benchmark)",
        "import methods of different benchmarks as studies of their own (--study)",
    )
    refuse_rows(
        connection,
        files[0],
        "with wanted as (select distinct doc_id from scored), total as "
        "(select count(*) as n from wanted) select place, format('{} {}{}: {} of {} documents have "
        "a score; {} has none', groups.method, groups.benchmark, coalesce(', item ' || "
        "groups.item_id, ''), groups.n, total.n, (select min(doc_id) from wanted where doc_id not "
        "in (select doc_id from scored where scored.method = groups.method and scored.benchmark = "
        "groups.benchmark and scored.item_id is not distinct from groups.item_id))) as problem "
        "from groups cross join total where groups.n < total.n",
        "score all with the same documents (one study is one sample), or import what was scored "
        "on others as a study of its own (--study)",
    )


def check_spread(connection: duckdb.DuckDBPyConnection, files: list[Table]) -> None:
    """Groups differ, so that they can be compared."""
    refuse_rows(
        connection,
        files[0],
        "with means as (select method, benchmark, bin_id, avg(score) as mean from scored "
        "group by method, benchmark, bin_id) select (0, 0) as place, format('{} {}: the means of "
        "{} groups do not differ', method, benchmark, count(*)) as problem from means "
        "group by method, benchmark having count(distinct mean) < 2",
        "z compares groups: give two or more that have documents, and scores that differ",
    )


def refuse_rows(connection: duckdb.DuckDBPyConnection, table: Table, sql: str, remedy: str) -> None:
    """Refuse the file when the statement, of columns `place` and `problem`, has rows."""
    rows = read(
        connection,
        table.path,
        f"select problem, count(*) over () from ({sql}) order by place limit {SHOWN}",
    )
    refuse(table.path, [problem for problem, _ in rows], remedy, rows[0][1] if rows else None)
