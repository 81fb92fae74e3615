"""Words that all charts of unlearning share.

Damage is baseline minus unlearned: above 0 the model lost it.
"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels

CONDITIONS = {
    "influence_in_topic": "Ranked first, in the region",
    "random_in_topic": "Random, in the region",
    "influence_global": "Ranked first, anywhere",
    "random_global": "Random, anywhere",
}
"""The four conditions in the order of every chart; the comma parts two lines where needed."""

LOST = {"margin": "margin lost (nats)", "accuracy": "accuracy lost (share of items)"}
NUMBER = {"margin": "+.2f", "accuracy": "+.1%"}
AXIS = {"margin": "~g", "accuracy": "~%"}
OVER_SETS = (
    "a 95 % interval over forget sets (as far apart as random sets of the region; none where "
    "there are fewer than two)"
)
"""The unit of the intervals of damage."""
MEASURED = {
    "margin": "Margin: mean log-probability of the right answer minus the best wrong one's.",
    "accuracy": "Accuracy: share of items whose right answer is the likeliest.",
}


def source(table: pl.DataFrame) -> str:
    """The attribution method and the objective of a chart, as its subtitle begins."""
    return f"{labels.scored_by(table)}, {table['objective'][0]}"


def header(expression: str | None = None) -> alt.Header:
    """Header of a panel; the expression makes text or lines of `datum.value`."""
    split: dict[str, Any] = {"labelExpr": expression} if expression else {}
    return alt.Header(title=None, labelAnchor="start", labelFontSize=13, **split)


def condition_title() -> pl.Expr:
    """The column `condition` as people read it, as `condition_title`."""
    return pl.col("condition").replace(CONDITIONS).alias("condition_title")


def damage_tooltip(measure: str) -> list[alt.Tooltip]:
    """What is shown of a damage: value, share kept and items."""
    return [
        alt.Tooltip("damage:Q", title=LOST[measure], format=NUMBER[measure]),
        alt.Tooltip("share_kept:Q", title="share kept", format=".1%"),
        alt.Tooltip("n_items:Q", title="items", format=","),
    ]


def region_title(regions: pl.Series) -> pl.Expr:
    """The column `region` as people read it, as `region_title`; `regions` are its values."""
    titles = labels.regions(regions.drop_nulls().unique())
    return pl.col("region").replace(titles).alias("region_title")
