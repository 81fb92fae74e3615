"""Contracts of the facts: every column with its meaning, unit and range, and the rows' key.

A column is declared here and nowhere else: `Lake.write` checks it, and dbt's sources, its shared
descriptions and the data dictionary are written from it (`make docs`). One module a stage;
`columns` has what stands in several facts, `declaring` what a declaration is.
"""

from influence_warehouse.lake.contracts import (
    attribution,
    benchmarks,
    corpus,
    grading,
    imports,
    planted,
    retraining,
    sampling,
    statistics,
    study,
    unlearning,
)
from influence_warehouse.lake.contracts.declaring import Column, Contract
from influence_warehouse.lake.contracts.records import RUN_RECORDS

__all__ = ["CONTRACTS", "RUN_RECORDS", "Column", "Contract"]

CONTRACTS: dict[str, Contract] = {
    fact: contract
    for stage in (
        corpus,
        sampling,
        benchmarks,
        attribution,
        statistics,
        imports,
        study,
        unlearning,
        retraining,
        grading,
        planted,
    )
    for fact, contract in stage.FACTS.items()
}
