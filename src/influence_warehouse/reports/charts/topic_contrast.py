"""Which topics have a higher mean score for one benchmark than for the other?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import contrasts
from influence_warehouse.reports.chart import Chart


def draw(table: pl.DataFrame) -> alt.ConcatChart:
    """Difference of z per topic with its 95 % interval, a panel per contrast.

    Reads marts.topic_contrasts for one method: method, contrast, benchmark_a, benchmark_b,
    topic, n_documents, delta_z, delta_z_low, delta_z_high, q_value. Panels follow the rows' order.
    """
    return contrasts.contrasts(
        table, ("topic", "format"), contrasts.BENCHMARKS, contrasts.DIFFERENCE
    )


CHART = Chart(
    sql=contrasts.contrast_sql("topic"),
    draw=draw,
    page="contrasts",
    place=1,
    facets=("model", "method"),
    is_optional=True,
)
