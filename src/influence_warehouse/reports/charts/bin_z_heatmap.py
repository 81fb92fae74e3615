"""Which bins of the corpus have the highest mean score for a benchmark?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import heatmaps, labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.measures import Z


def draw(table: pl.DataFrame) -> alt.LayerChart:
    """z of every bin for one benchmark: its mean score against all bins' means.

    Reads marts.bin_influence for one method and benchmark.
    """
    benchmark = table["benchmark"][0]
    return heatmaps.heatmap(
        table,
        Z,
        f"Which bins of the corpus have the highest mean score for {benchmark}?",
        "z of the bin's mean score",
        [
            "z: bin mean against all bins' means; orange is above them.",
            labels.uncertainty(
                table["z_low"],
                f"Dot: {theme.PASSES} (Benjamini-Hochberg over the bins; errors over "
                f"{labels.interval_unit(table)}).",
            ),
            *labels.doubtful(table.filter("is_z_doubtful")["benchmark"]),
        ],
    )


CHART = Chart(
    sql=heatmaps.influence_sql(Z),
    draw=draw,
    page="support",
    place=6,
    facets=("model", "method", "benchmark"),
    is_optional=True,
)
