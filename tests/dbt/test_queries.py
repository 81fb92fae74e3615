"""Every query of sql/ runs on a real warehouse and answers with rows."""

import re
from pathlib import Path

import pytest

from influence_warehouse.warehouse.build import dbt_project_folder
from influence_warehouse.warehouse.query import named_queries, run_query

# What may rightly be empty on the synthetic lake.
# A study that is run has no sources to state and nothing unknown.
MAY_BE_EMPTY = {"significant_contrasts", "mean_versus_top_share", "sources", "unknowns"}


def _of_unlearning(name: str) -> bool:
    """Whether a query has rows only where regions were chosen."""
    marts: Path = dbt_project_folder() / "models" / "marts"
    chosen = {path.stem for path in (marts / "unlearning").glob("*.sql")} | {"chosen_bins"}
    return not chosen.isdisjoint(named_queries()[name].reads)


def _of_retraining(name: str) -> bool:
    """Whether a query has rows only where models were retrained."""
    marts: Path = dbt_project_folder() / "models" / "marts"
    graded = {path.stem for path in (marts / "retraining").glob("*.sql")}
    return not graded.isdisjoint(named_queries()[name].reads)


# What compares methods has rows in a study with several.
OF_METHODS = {
    *("method_agreement", "method_disagreements", "method_disagreement_documents"),
    "unlearning_methods",
}


def _of_methods(name: str) -> bool:
    return not OF_METHODS.isdisjoint(named_queries()[name].reads)


def _of_one_method(name: str) -> bool:
    return not (_of_methods(name) or _of_unlearning(name) or _of_retraining(name))


def check(home, name: str) -> None:
    """The query reads what its header says and answers with rows in a total order."""
    found = named_queries()[name]
    tables = set(run_query(home, "show tables").to_series())
    assert set(found.reads) <= tables
    body = "\n".join(line for line in found.sql.splitlines() if not line.startswith("--"))
    assert tables & set(re.findall(r"\b(?:from|join) (\w+)", body)) == set(found.reads)
    rows = run_query(home, name)
    assert len(rows) or name in MAY_BE_EMPTY
    assert rows.equals(run_query(home, name)), "the order is total"


@pytest.mark.parametrize("name", filter(_of_one_method, named_queries()))
def test_query_runs_and_reads_what_its_header_says(world, name):
    check(world.home, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [n for n in named_queries() if _of_unlearning(n) and not _of_methods(n)]
)
def test_query_of_unlearning_runs_and_reads_what_its_header_says(truth, name):
    check(truth.world.home, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", filter(_of_methods, named_queries()))
def test_query_of_methods_runs_and_reads_what_its_header_says(compared, name):
    check(compared.home, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", filter(_of_retraining, named_queries()))
def test_query_of_retraining_runs_and_reads_what_its_header_says(retrained, name):
    check(retrained.world.home, name)
