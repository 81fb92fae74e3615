"""Reading tables for charts and the summary from the published copy.

Belongs here: one read-only look at `influence.duckdb`. Does not belong here: analysts' own
queries (warehouse.query), drawing and printing.
"""

from functools import lru_cache

import duckdb
import polars as pl

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.layout import Home


def groupings(home: Home) -> dict[str, str]:
    """What the columns topic and format hold, as the study calls it; "" for a format that groups
    nothing. Raises as `read_table`."""
    return _groupings(home, home.database.stat().st_mtime_ns if home.database.exists() else 0)


@lru_cache(maxsize=8)
def _groupings(home: Home, published_at: int) -> dict[str, str]:
    # Every chart of a study asks; `published_at` tells a study's next publication.
    # A release of an earlier version does not tell.
    exists = "select 1 from duckdb_tables() where schema_name = 'marts' and table_name = 'labels'"
    told = [] if read_table(home, exists).is_empty() else _told_groupings(home)
    topic, format = told[0] if told else ("topic", "format")
    n_formats = read_table(home, "select count(distinct format) from marts.bins").item()
    return {"topic": topic, "format": (format or "") if n_formats > 1 else ""}


def _told_groupings(home: Home) -> list[tuple[str, str | None]]:
    sql = "select topic_grouping, format_grouping from marts.labels"
    return read_table(home, sql).rows()


def read_table(home: Home, sql: str) -> pl.DataFrame:
    """Rows of one statement over the published marts, which it names as `marts.<mart>`.

    Raises WarehouseError when the file is missing, damaged, locked, or lacks what is read.
    """
    if not home.database.is_file():
        raise WarehouseError(
            f"{home.database}: there is no published database yet. Remedy: {home.maker} makes it."
        )
    try:
        with duckdb.connect(str(home.database), read_only=True) as connection:
            return connection.sql(sql).pl()
    except duckdb.Error as error:
        raise WarehouseError(
            f"{home.database}: cannot be read as the marts of this version ({error}). "
            f"Remedy: close programs that write to it, then {home.maker}."
        ) from error
