"""Which bins of the corpus support a benchmark most?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import heatmaps, labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.measures import SUPPORT


def draw(table: pl.DataFrame) -> alt.LayerChart:
    """Support of every bin for one benchmark, against that of all documents.

    Reads marts.bin_influence for one method and benchmark.
    """
    average = float(table["benchmark_support"].max() or 0)  # type: ignore[arg-type]
    return heatmaps.heatmap(
        table,
        SUPPORT,
        f"Which bins of the corpus support {table['benchmark'][0]}?",
        "support of the bin",
        [
            "Support: mean of the squared scores above 0, others as 0, in units of an item's mean "
            "squared score.",
            f"Orange: more than all documents ({average:.2f}). Dot: {theme.PASSES} (one-sided, "
            "Benjamini-Hochberg over the bins).",
            f"Intervals and errors are over {labels.interval_unit(table)}.",
        ],
    )


CHART = Chart(
    sql=heatmaps.influence_sql(SUPPORT),
    draw=draw,
    page="support",
    place=3,
    facets=("model", "method", "benchmark"),
    is_optional=True,
)
