"""Which rows are copies: of an id, or of a text under another id. Out of core.

Only rows whose 64-bit hash occurs twice are compared, so memory follows the copies, not the
corpus, and beyond its bound DuckDB spills. Does not belong here: what becomes of a copy
(documents).
"""

import duckdb

# Of equal ids the row that stays is the first by these.
ORDER = (
    *("doc_id", "content_sha256", "topic", "format", "url", "source", "label_confidence"),
    *("file", "row"),
)

_SUSPECTS = """
    create or replace temp table suspects as
    select hash({column}) as hashed
    from {rows}
    group by hashed
    having count(*) > 1
"""

_SAME_ID = f"""
    create temp table copies as
    select file, "row", doc_id, 'duplicate_id' as reason, doc_id as kept
    from (
        select {", ".join(ORDER)},
            row_number() over (partition by doc_id order by {", ".join(ORDER[1:])}) as place
        from candidates
        where hash(doc_id) in (select hashed from suspects)
    )
    where place > 1
"""

_DISTINCT_IDS = """
    create temp view distinct_ids as
    select {columns} from candidates
    anti join (select file, "row" from copies where reason = 'duplicate_id') using (file, "row")
"""

_SAME_TEXT = """
    insert into copies
    select file, "row", doc_id, 'duplicate_text' as reason, kept
    from (
        select file, "row", doc_id, min(doc_id) over (partition by content_sha256) as kept
        from distinct_ids
        where hash(content_sha256) in (select hashed from suspects)
    )
    where doc_id != kept
"""


def find_duplicates(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the table `copies`: file, row, doc_id, reason (duplicate_id, duplicate_text), kept.

    The connection's table or view `candidates` has the columns ORDER. Of equal ids the first row
    by ORDER stays; then of equal content_sha256 the smallest doc_id, which is `kept`.
    """
    connection.execute(_SUSPECTS.format(column="doc_id", rows="candidates"))
    connection.execute(_SAME_ID)
    connection.execute(_DISTINCT_IDS.format(columns=", ".join(ORDER)))
    connection.execute(_SUSPECTS.format(column="content_sha256", rows="distinct_ids"))
    connection.execute(_SAME_TEXT)
