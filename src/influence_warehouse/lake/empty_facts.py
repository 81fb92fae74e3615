"""A file of no rows beside each fact's own files, for readers that take a pattern of files.

dbt and Spark read every fact by a pattern, which must match a file or there are no columns. So
`<fact>.~empty.parquet` lies beside the fact, or `~empty.parquet` in its folder of parts, whether a
study or an import makes the fact or not. `Lake` never takes it for the fact: a fact's file is
`<fact>.parquet`, and no name in a part's key holds a tilde.
"""

import polars as pl

from influence_warehouse.lake import object_storage
from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import EMPTY_FACT, Home
from influence_warehouse.lake.object_storage import FactPath, naming_refusals


def fact_pattern(fact: str) -> str:
    """Pattern, below the lake, of all files of a fact: those with rows and the empty one."""
    return f"{fact}/*.parquet" if CONTRACTS[fact].in_parts else f"{fact}.*parquet"


def empty_file(home: Home, fact: str) -> FactPath:
    """Where the file without rows of a fact is."""
    return home.lake / (
        f"{fact}/{EMPTY_FACT}" if CONTRACTS[fact].in_parts else f"{fact}.{EMPTY_FACT}"
    )


def write_empty_facts(lake: Lake) -> None:
    """Write the file without rows of every fact, with the columns of its contract.

    One that is right is left as it is. Raises WarehouseError when the disk or the object storage
    refuses.
    """
    for fact, contract in CONTRACTS.items():
        path, schema = empty_file(lake.home, fact), pl.Schema(contract.columns)
        if not _has_schema(path, schema):
            lake.put(path, pl.DataFrame(schema=schema).write_parquet)


def _has_schema(path: FactPath, schema: pl.Schema) -> bool:
    with naming_refusals(path):
        try:
            return path.exists() and object_storage.scan(path).collect_schema() == schema
        except pl.exceptions.PolarsError:
            return False  # damaged: written anew
