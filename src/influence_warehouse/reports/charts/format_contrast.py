"""Which formats stand out for one benchmark more than for the other?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import contrasts
from influence_warehouse.reports.chart import Chart


def draw(table: pl.DataFrame) -> alt.ConcatChart:
    """Difference of z per format, as `topic_contrast` from marts.format_contrasts."""
    return contrasts.contrasts(
        table, ("format", "topic"), contrasts.BENCHMARKS, contrasts.DIFFERENCE
    )


CHART = Chart(
    sql=contrasts.contrast_sql("format"),
    draw=draw,
    page="contrasts",
    place=2,
    facets=("model", "method"),
    is_optional=True,
)
