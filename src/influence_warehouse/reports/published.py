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
    told = _told_groupings(home) if _is_published(home, "labels") else []
    topic, format = told[0] if told else ("topic", "format")
    n_formats = read_table(home, "select count(distinct format) from marts.bins").item()
    return {"topic": topic, "format": (format or "") if n_formats > 1 else ""}


def methods(home: Home) -> list[str]:
    """Names of the methods as the study lists them; none of a release of an earlier version, which
    does not tell. Raises as `read_table`."""
    if not _is_published(home, "methods"):
        return []
    sql = "select method from marts.methods group by method order by min(position), method"
    return read_table(home, sql)["method"].to_list()


def _is_published(home: Home, mart: str) -> bool:
    sql = f"select 1 from duckdb_tables() where schema_name = 'marts' and table_name = '{mart}'"
    return not read_table(home, sql).is_empty()


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
