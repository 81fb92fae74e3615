"""Which formats support which benchmark most?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import profiles
from influence_warehouse.reports.chart import Chart


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """z per format with its 95 % interval, a panel per benchmark.

    Reads marts.format_influence as `topic_profile` reads marts.topic_influence.
    """
    return profiles.profile(table, "format", "topic")


CHART = Chart(
    sql=profiles.influence_sql("format"),
    draw=draw,
    page="support",
    place=2,
    facets=("model", "method"),
    is_optional=True,
)
