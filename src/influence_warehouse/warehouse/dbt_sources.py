"""What the dbt project says of the facts, written from their contracts.

`python -m influence_warehouse.warehouse.dbt_sources` writes `dbt/models/staging/lake.yml`, the
sources, and `lake.md`, whose blocks `{{ doc('doc_id') }}` models refer to; a test holds the
committed files to it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from influence_warehouse.lake.contracts import CONTRACTS, RUN_RECORDS, Contract
from influence_warehouse.lake.empty_facts import fact_pattern
from influence_warehouse.warehouse.build import dbt_project_folder

_HEAD = """# Generated from the contracts (src/influence_warehouse/lake/contracts) by `make docs`.
# The facts: Parquet files that Lake.write made, read where they are. Each has a file of no rows
# beside its own, so that one that the study does not make has its columns, too.
"""

_TYPES: dict[object, str] = {
    pl.String(): "varchar",
    pl.Float64(): "double precision",
    pl.Float32(): "real",
    pl.Int32(): "integer",
    pl.Int64(): "bigint",
    pl.Boolean(): "boolean",
    pl.Datetime("us"): "timestamp",
}


def render_sources() -> str:
    """The sources as dbt's yml."""
    tables = [
        _table(fact, contract, _location("INFLUENCE_LAKE", fact_pattern(fact)))
        for fact, contract in CONTRACTS.items()
    ]
    records = _location("INFLUENCE_RECORDS", "records.parquet")
    tables.append(_table("run_records", RUN_RECORDS, records))
    source = {
        "name": "lake",
        "description": "Facts of one study, under its lake/ folder.",
        "tables": tables,
    }
    # Wide lines, because a template must not be broken.
    return _HEAD + yaml.safe_dump(
        {"sources": [source]}, sort_keys=False, width=1000, allow_unicode=True
    )


def render_blocks() -> str:
    """The columns' meanings as dbt's blocks, by name."""
    lines = ["{# Generated from the contracts of the facts by `make docs`. #}"]
    for name, text in blocks().items():
        lines.append(f"{{% docs {name} %}}{text}{{% enddocs %}}")
    return "\n\n".join(lines) + "\n"


def blocks() -> dict[str, str]:
    """Block names with meanings: `topic` is what most facts mean by it, and
    `region_rules__topic` what this one says otherwise."""
    meanings: dict[str, Counter[str]] = defaultdict(Counter)
    for _, column in _columns():
        meanings[column.name][column.meaning] += 1
    found: dict[str, str] = {}
    for fact, column in _columns():
        (usual, _), *_others = meanings[column.name].most_common()
        named = column.name if column.meaning == usual else f"{fact}__{column.name}"
        if column.meaning not in (found.get(column.name), found.get(named)):
            found[named] = column.meaning
    return found


def _columns() -> Iterator[tuple[str, Any]]:
    for fact, contract in {**CONTRACTS, "run_records": RUN_RECORDS}.items():
        for column in contract.declared:
            yield fact, column


def _location(variable: str, file: str) -> str:
    folder = variable.removeprefix("INFLUENCE_").lower()
    # Said in full, for without it DuckDB knows Parquet only by a name that ends in `.parquet`.
    return f"read_parquet('{{{{ env_var('{variable}', '{folder}') }}}}/{file}')"


def _table(name: str, contract: Contract, location: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": contract.description,
        "config": {"meta": {"external_location": location}},
        "columns": [
            {
                "name": column.name,
                "data_type": _sql_type(column.dtype),
                "description": column.description,
            }
            for column in contract.declared
        ],
    }


def _sql_type(dtype: object) -> str:
    return f"{_sql_type(dtype.inner)}[]" if isinstance(dtype, pl.List) else _TYPES[dtype]


def write_dbt_files(folder: Path) -> None:
    """Write both files into the dbt project's folder of models."""
    (folder / "lake.yml").write_text(render_sources(), encoding="utf-8")
    (folder / "lake.md").write_text(render_blocks(), encoding="utf-8")


if __name__ == "__main__":
    write_dbt_files(dbt_project_folder() / "models" / "staging")
