"""Which formats do the methods say support a benchmark most?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import profiles
from influence_warehouse.reports.chart import Chart


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """Support per format with its 95 % interval for one benchmark, a panel per method.

    Reads marts.format_influence joined to marts.methods. Panels follow the rows' order of methods.
    """
    return profiles.methods_profile(table, "format")


CHART = Chart(
    sql=profiles.methods_sql("format"),
    draw=draw,
    page="methods",
    place=3,
    facets=("model", "benchmark"),
    is_optional=True,
)
