"""Which formats support which benchmark most?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import profiles
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.measures import SUPPORT


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """Support per format with its 95 % interval, a panel per benchmark.

    Reads marts.format_influence for one method joined to marts.benchmarks, without benchmarks of
    which no items are known. Panels follow the rows' order of benchmarks.
    """
    return profiles.support_profile(table, "format")


CHART = Chart(
    sql=profiles.influence_sql("format", SUPPORT),
    draw=draw,
    page="support",
    place=2,
    facets=("model", "method"),
    is_optional=True,
)
