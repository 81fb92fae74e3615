"""Which topics have the highest mean score for which benchmark?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import profiles
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.measures import Z


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """Mean z per topic with its 95 % interval, a panel per benchmark.

    Reads marts.topic_influence for one method joined to marts.benchmarks. Panels follow the rows'
    order of benchmarks; those whose z is doubtful say so.
    """
    return profiles.z_profile(table, "topic", "format")


CHART = Chart(
    sql=profiles.influence_sql("topic", Z),
    draw=draw,
    page="support",
    place=4,
    facets=("model", "method"),
)
