"""Which topics support which benchmark most?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import profiles
from influence_warehouse.reports.chart import Chart


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """z per topic with its 95 % interval, a panel per benchmark.

    Reads marts.topic_influence for one method joined to marts.benchmarks:
    method, benchmark, domain, capability, topic, n_documents, z, z_low, z_high, q_value. Panels
    follow the rows' order of benchmarks.
    """
    return profiles.profile(table, "topic", "format")


CHART = Chart(
    sql=profiles.influence_sql("topic"),
    draw=draw,
    page="support",
    place=1,
    facets=("model", "method"),
)
