"""dbt on Apache Spark: a session that knows a study's facts as schema `lake`, then dbt in it.

Run as a module with dbt's own arguments; dbt's `session` method finds the session of its own
process. Belongs here: what Spark needs to be told. Does not belong here: SQL (dbt/) and reading
the marts that were built (`spark_marts`).
"""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.empty_facts import fact_pattern

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def spark_session(warehouse: Path) -> "SparkSession":
    """A local session whose tables are Parquet files under `warehouse`; it keeps no catalog.

    INFLUENCE_SPARK_MASTER and INFLUENCE_SPARK_MEMORY say where it runs and in how much memory.
    """
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.memory": os.environ.get("INFLUENCE_SPARK_MEMORY", "2g"),
        "spark.sql.warehouse.dir": str(warehouse),
        "spark.sql.catalogImplementation": "in-memory",
        # Nothing listens beyond this machine.
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Of the local files: 200 parts of a table of some thousand rows would be all overhead.
        "spark.sql.shuffle.partitions": "2",
    }
    builder = SparkSession.builder.master(os.environ.get("INFLUENCE_SPARK_MASTER", "local[2]"))
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def register_facts(session: "SparkSession", lake: Path, records: Path) -> None:
    """Make every fact, and the run records, a view of schema `lake`."""
    session.sql("create schema if not exists lake")
    files = {fact: lake / fact_pattern(fact) for fact in CONTRACTS}
    for name, pattern in (files | {"run_records": records / "records.parquet"}).items():
        session.sql(f"create or replace view lake.{name} as select * from parquet.`{pattern}`")


def _what_is_absent() -> str | None:
    """What this machine lacks for a session, with the remedy."""
    if find_spec("pyspark") is None or find_spec("dbt.adapters.spark") is None:
        return (
            "the extra `spark` is not installed. Remedy: pip install 'influence-warehouse[spark]'"
        )
    if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
        return "no Java is installed. Remedy: install a Java runtime, 17 or later"
    return None


def main(arguments: list[str]) -> None:
    """Run dbt with these arguments in a session that knows the facts of INFLUENCE_LAKE."""
    from dbt.cli.main import cli

    absent = _what_is_absent()
    if absent:
        sys.exit(f"Apache Spark: {absent}.")
    warehouse = Path(os.environ["INFLUENCE_SPARK_WAREHOUSE"])
    # Without a catalog nobody knows the tables of an earlier session; their folders are in the way.
    shutil.rmtree(warehouse, ignore_errors=True)
    session = spark_session(warehouse)
    register_facts(
        session, Path(os.environ["INFLUENCE_LAKE"]), Path(os.environ["INFLUENCE_RECORDS"])
    )
    cli(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
