"""Regions: documents of one topic, of one format, of both, or all; what is forgotten or left out.

A region's name is `literature` (a topic), `literature.tutorial` (a bin), `any.tutorial` (a
format), or `all`; what else a label holds than letters, digits and spaces is escaped in it
(`own_labels.escaped`).
Belongs here: what a region is and is called. Does not belong here: who chooses one.
"""

from dataclasses import dataclass

import polars as pl

from influence_warehouse.errors import InputError
from influence_warehouse.own_labels import escaped, unescaped
from influence_warehouse.sampling.bins import Labels

ANY = "any"
ALL = "all"


@dataclass(frozen=True)
class Region:
    """Documents of one topic, of one format, of both (a bin), or of neither (all)."""

    topic: str | None = None
    format: str | None = None

    @classmethod
    def parse(cls, name: str) -> "Region":
        """The region of a name. Raises InputError for a text that is no region's name."""
        topic, _, format = name.partition(".")
        region = cls(None if topic in (ANY, ALL) else unescaped(topic), unescaped(format) or None)
        if region.name != name:
            raise InputError(f"{name!r} names no region. Remedy: see docs/unlearning.md.")
        return region

    @classmethod
    def chosen(cls, topic: str | None, format: str | None, known: Labels, by: str) -> "Region":
        """The region of a choice. Raises InputError, naming who chose (`by`), unless each label is
        known or absent, and one is."""
        pairs = ((topic, known.topics), (format, known.formats))
        unknown = [label for label, labels in pairs if label is not None and label not in labels]
        if unknown or (topic is None and format is None):
            raise InputError(
                f"topic {topic!r} and format {format!r} are no region of the study's taxonomy"
                f"{f', which has no {unknown[0]!r}' if unknown else ''} "
                f"({by}). Remedy: {known.remedy}."
            )
        return cls(topic, format)

    @property
    def name(self) -> str:
        topic = None if self.topic is None else escaped(self.topic)
        if self.format is not None:
            return f"{topic or ANY}.{escaped(self.format)}"
        return topic or ALL

    @property
    def kind(self) -> str:
        """topic, format, bin or all."""
        if self.topic and self.format:
            return "bin"
        return "topic" if self.topic else "format" if self.format else "all"

    def contains(self) -> pl.Expr:
        """Whether a row with columns topic and format lies in the region."""
        tests = [
            pl.col(column) == slug
            for column, slug in (("topic", self.topic), ("format", self.format))
            if slug is not None
        ]
        return pl.all_horizontal(pl.lit(True), *tests)
