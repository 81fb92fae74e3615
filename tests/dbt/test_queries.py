"""Every query of sql/ runs on a real warehouse and answers with rows."""

import pytest

from influence_warehouse.warehouse.query import named_queries, run_query

# What may rightly be empty on the synthetic lake.
# A study that is run has no sources to state and nothing unknown.
MAY_BE_EMPTY = {"significant_contrasts", "mean_versus_top_share", "sources", "unknowns"}


@pytest.mark.parametrize("name", named_queries())
def test_query_runs_and_reads_what_its_header_says(world, query, name):
    found = named_queries()[name]
    tables = set(query("show tables").to_series())
    assert set(found.reads) <= tables
    body = "\n".join(line for line in found.sql.splitlines() if not line.startswith("--"))
    assert {table for table in tables if f"from {table}" in body or f"join {table}" in body} == set(
        found.reads
    )
    rows = run_query(world.home, name)
    assert len(rows) or name in MAY_BE_EMPTY
    assert rows.equals(run_query(world.home, name)), "the order is total"
