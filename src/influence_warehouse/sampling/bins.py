"""The bins of a study: WebOrganizer's, or all pairs of the labels that its documents carry.

Belongs here: which bins there are, for all who number, count or name them. Does not belong here:
which labels may be (`own_labels`) and their documents (`manifest`).
"""

from dataclasses import dataclass

import polars as pl

from influence_warehouse.lake.facts import Lake
from influence_warehouse.own_labels import pairs
from influence_warehouse.study.study import Study
from influence_warehouse.taxonomy import FORMATS, TOPICS, bins


@dataclass(frozen=True)
class Labels:
    """What a topic and a format of the study may be, and the study field that says so."""

    topics: tuple[str, ...]
    formats: tuple[str, ...]
    remedy: str


WEBORGANIZER = Labels(TOPICS, FORMATS, "choose topics and formats by their WebOrganizer slugs")


def bins_of(study: Study, lake: Lake) -> pl.DataFrame:
    """bin_id, topic and format of every bin, from the labels of `documents` where the study has
    its own. Raises FactError when they are missing then.
    """
    if study.taxonomy == "weborganizer":
        rows = [(cell.bin_id, cell.topic, cell.format) for cell in bins()]
    else:
        labels = lake.scan("documents").select("topic", "format").unique().collect()
        cells = pairs(labels["topic"].unique(), labels["format"].unique())
        rows = [(number, topic, format) for number, (topic, format) in enumerate(cells)]
    return pl.DataFrame(
        rows,
        schema={"bin_id": pl.Int32, "topic": pl.String, "format": pl.String},
        orient="row",
    )


def labels_of(study: Study, lake: Lake) -> Labels:
    """The study's topics and formats: its own are those of `bin_populations`.

    Raises FactError when that is missing then.
    """
    if study.taxonomy == "weborganizer":
        return WEBORGANIZER
    cells = lake.read("bin_populations", columns=["topic", "format"])
    topics, formats = (tuple(cells[name].unique().sort()) for name in ("topic", "format"))
    return Labels(topics, formats, "choose labels of the columns that corpus.columns names")
