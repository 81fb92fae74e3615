"""Which rows are copies: of an id, or of a text under another id. Out of core.

Only rows whose 64-bit hash occurs twice are compared, so memory follows the copies, not the
corpus; beyond MEMORY_LIMIT DuckDB spills. Does not belong here: what becomes of a copy
(documents).
"""

from pathlib import Path

import duckdb
import polars as pl

MEMORY_LIMIT = "2GB"

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
    create temp table same_id as
    select file, "row", doc_id, 'duplicate_id' as reason, doc_id as kept
    from (
        select *, row_number() over (partition by doc_id order by {", ".join(ORDER[1:])}) as place
        from candidates
        where hash(doc_id) in (select hashed from suspects)
    )
    where place > 1
"""

_SAME_TEXT = """
    select file, "row", doc_id, 'duplicate_text' as reason, kept
    from (
        select *, min(doc_id) over (partition by content_sha256) as kept
        from distinct_ids
        where hash(content_sha256) in (select hashed from suspects)
    )
    where doc_id != kept
"""


def find_duplicates(candidates: pl.DataFrame | Path, spill: Path) -> pl.DataFrame:
    """Rows to set aside: file, row, doc_id, reason (duplicate_id, duplicate_text), kept.

    `candidates`, a frame or a Parquet file, has the columns ORDER. Of equal ids the first row by
    ORDER stays; then of equal content_sha256 the smallest doc_id, which is `kept`. `spill` is the
    folder for what does not fit into memory.
    """
    with duckdb.connect() as connection:
        connection.execute("set temp_directory = ?", [str(spill)])
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("set preserve_insertion_order = false")
        if isinstance(candidates, pl.DataFrame):
            connection.register("candidates", candidates.select(ORDER).to_arrow())
        else:
            connection.read_parquet(str(candidates)).create_view("candidates")
        connection.execute(_SUSPECTS.format(column="doc_id", rows="candidates"))
        connection.execute(_SAME_ID)
        connection.execute(
            "create temp view distinct_ids as select * from candidates "
            'anti join same_id using (file, "row")'
        )
        connection.execute(_SUSPECTS.format(column="content_sha256", rows="distinct_ids"))
        return connection.sql(f"from same_id union all ({_SAME_TEXT})").pl()
