"""The marts that dbt left as Parquet on Spark, as a DuckDB file that can be published.

Belongs here: copying, with the descriptions of dbt's manifest. Does not belong here: Spark
(`spark`) and publishing (`publish`).
"""

import json
from pathlib import Path

from influence_warehouse.errors import WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.quoting import sql_text
from influence_warehouse.warehouse.build import dbt_folder
from influence_warehouse.warehouse.publish import SCHEMA


def collect_marts(home: Home) -> Path:
    """Write every mart of the last build on Spark into a DuckDB file, and return its path.

    Raises WarehouseError when there is no such build.
    """
    import duckdb

    marts = _marts(dbt_folder(home, "spark") / "manifest.json")
    target = home.spark / "build.duckdb"
    target.unlink(missing_ok=True)
    try:
        with duckdb.connect(str(target)) as connection:
            connection.execute(f"create schema {SCHEMA}")
            for name, mart in marts.items():
                files = sql_text(f"{home.spark}/{SCHEMA}.db/{name}/*.parquet")
                table = f'{SCHEMA}."{name}"'
                connection.execute(f"create table {table} as from read_parquet({files})")
                connection.execute(f"comment on table {table} is {sql_text(mart['description'])}")
                for column in mart["columns"].values():
                    connection.execute(
                        f'comment on column {table}."{column["name"]}" '
                        f"is {sql_text(column['description'])}"
                    )
    except duckdb.Error as error:
        raise WarehouseError(
            f"{home.spark}: the marts cannot be read ({error}). "
            f"Remedy: `influence build {home.study} --target spark`."
        ) from error
    return target


def _marts(manifest: Path) -> dict[str, dict]:
    """dbt's nodes of the marts by name."""
    if not manifest.exists():
        raise WarehouseError(
            f"{manifest}: missing, so nothing was built on Spark. "
            "Remedy: `influence build STUDY --target spark`."
        )
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    return {
        node["name"]: node
        for node in nodes
        if node["resource_type"] == "model" and node["schema"] == SCHEMA
    }
