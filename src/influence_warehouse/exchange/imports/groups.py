"""Bins of an import: every pair of the labels that its documents carry.

Belongs here: which labels may be, and the numbering of their pairs. Does not belong here:
reading them (`document_scores`).
"""

import unicodedata

import polars as pl

from influence_warehouse.corpus.labels import slug_of
from influence_warehouse.taxonomy import bins

# What one label or pair too many would cost is paid by every resample of every benchmark.
MAX_BINS = 5_000
MAX_LABEL = 100
# The second label of documents that have one alone.
ONE_LABEL = "all"

_OVERRIDES = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


def label_problem(label: str) -> str | None:
    """Why a trimmed label cannot name a group, or None."""
    if not label:
        return "is empty"
    if len(label) > MAX_LABEL:
        return f"has {len(label)} characters, more than {MAX_LABEL}: is it a text?"
    for character in label:
        control = unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs")
        if control or unicodedata.bidirectional(character) in _OVERRIDES:
            return f"has the control character U+{ord(character):04X}"
    return None


def lookalikes(labels: list[str]) -> tuple[str, str] | None:
    """Two labels that differ only in characters that are not seen, or None."""
    shown: dict[str, str] = {}
    for label in labels:
        seen = "".join(c for c in label if unicodedata.category(c) != "Cf")
        if seen in shown:
            return shown[seen], label
        shown[seen] = label
    return None


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
    pairs = [(a, b) for a in sorted(first) for b in sorted(second)]
    return _frame([(number, a, a, b, b) for number, (a, b) in enumerate(pairs)])


def ambiguous_pair(cells: pl.DataFrame) -> str | None:
    """A name `topic/format` that two bins share, or None: marts name bins by it."""
    names = cells.select("bin_id", name=pl.format("{}/{}", "topic", "format")).unique()
    shared = names.filter(pl.col("name").is_duplicated())["name"].sort()
    return shared[0] if len(shared) else None


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
