"""Reading tables for charts and the summary from the published copy.

Belongs here: one read-only look at `influence.duckdb`. Does not belong here: analysts' own
queries (warehouse.query), drawing and printing.
"""

import duckdb
import polars as pl

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.layout import Home


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
