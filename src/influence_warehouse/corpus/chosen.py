"""Chosen documents of the corpus, read without holding the texts of all others.

Belongs here: the one way to read texts of `documents`.
"""

import polars as pl

from influence_warehouse.lake.facts import Lake


def read_documents(lake: Lake, doc_ids: pl.Series, *columns: str) -> pl.DataFrame:
    """Those `columns` (all without any) of the documents with these ids, sorted by id.

    Raises FactError: missing or damaged.
    """
    wanted = pl.col("doc_id").is_in(doc_ids.unique().implode())
    chosen = lake.scan("documents").filter(wanted)
    return (chosen.select(columns) if columns else chosen).collect(engine="streaming")
