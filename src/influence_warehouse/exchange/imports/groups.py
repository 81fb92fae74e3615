"""Bins of an import: every pair of the labels that its documents carry, or WebOrganizer's.

Does not belong here: which labels may be (`own_labels`), and reading them (`document_scores`).
"""

import polars as pl

from influence_warehouse.corpus.labels import slug_of
from influence_warehouse.own_labels import ONE_LABEL, pairs
from influence_warehouse.taxonomy import bins


def labelled_bins(first: list[str], second: list[str] | None) -> pl.DataFrame:
    """All bins of two lists of labels (None: one label), with the labels that lead to each.

    Columns bin_id, topic, format, and first_label, second_label as the documents have them
    (null for a bin of the taxonomy that no label leads to). Where every label of a pair is a
    slug or title of WebOrganizer, the bins are its 576 and carry its slugs.
    """
    if second is None:
        labels = [(label, label, ONE_LABEL, None) for label in sorted(first)]
        return _frame([(number, *label) for number, label in enumerate(labels)])
    topics = {label: slug_of("topic", label) for label in first}
    formats = {label: slug_of("format", label) for label in second}
    if all(topics.values()) and all(formats.values()):
        return _taxonomy(topics, formats)
    return _frame([(number, a, a, b, b) for number, (a, b) in enumerate(pairs(first, second))])


def _taxonomy(topics: dict[str, str | None], formats: dict[str, str | None]) -> pl.DataFrame:
    cells = pl.DataFrame([(cell.bin_id, cell.topic, cell.format) for cell in bins()], orient="row")
    cells.columns = ["bin_id", "topic", "format"]
    for axis, column, known in (
        ("topic", "first_label", topics),
        ("format", "second_label", formats),
    ):
        spelt = pl.DataFrame({column: list(known), axis: list(known.values())})
        cells = cells.join(spelt, on=axis, how="left", maintain_order="left")
    return cells.select(_frame([]).columns).cast(_frame([]).schema)


def _frame(rows: list[tuple]) -> pl.DataFrame:
    schema = {
        "bin_id": pl.Int32,
        "topic": pl.String,
        "first_label": pl.String,
        "format": pl.String,
        "second_label": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
