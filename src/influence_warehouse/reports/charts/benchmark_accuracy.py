"""Can the base model do the benchmarks at all?"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS

_ROW = 26  # pixels a benchmark
_WIDTH = 480


def draw(table: pl.DataFrame) -> alt.LayerChart:
    """Accuracy of the base model per benchmark with its interval, against chance.

    Reads marts.benchmarks: benchmark, domain, capability, n_items, accuracy, accuracy_low,
    accuracy_high, chance. Rows keep their order.
    """
    rows = table.with_columns(
        labels.interval("accuracy_low", "accuracy_high"),
    ).select(
        *("benchmark", "domain", "capability", "n_items", "accuracy"),
        *("accuracy_low", "accuracy_high", "chance", "interval"),
    )
    return theme.framed(
        _accuracy_layers(rows, theme.benchmark_colours(table)).properties(
            width=_WIDTH, height=_ROW * rows.height
        ),
        CHARTS["benchmark_accuracy"],
        [
            f"Accuracy over {labels.count(int(table['n_items'].sum()), 'item')} "
            "(log-likelihood of the choices); bars: 95 % Wilson intervals.",
            "Black tick: chance, guessing among each item's choices.",
        ],
    )


def _accuracy_layers(
    rows: pl.DataFrame, colours: dict[str, str]
) -> alt.LayerChart | alt.FacetChart:
    order = rows["benchmark"].to_list()
    scale = alt.Scale(domain=order, range=[colours[slug] for slug in rows["benchmark"]])
    colour = alt.Color("benchmark:N", scale=scale, legend=None)
    base = alt.Chart(rows).encode(
        y=alt.Y("benchmark:N", sort=order, title=None, axis=alt.Axis(ticks=False, grid=True)),
        tooltip=[
            alt.Tooltip("benchmark:N", title="benchmark"),
            *("domain:N", "capability:N"),
            alt.Tooltip("n_items:Q", title="items", format=","),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("chance:Q", format=".1%"),
        ],
    )
    x: dict[str, Any] = {
        "title": "accuracy",
        "scale": alt.Scale(domain=[0, 1]),
        "axis": alt.Axis(format="%", grid=False),
    }
    return alt.layer(
        base.mark_tick(color=theme.INK, thickness=2, size=20, opacity=1).encode(
            x=alt.X("chance:Q", **x)
        ),
        base.mark_rule(strokeWidth=2.5).encode(
            x=alt.X("accuracy_low:Q", **x), x2="accuracy_high:Q", color=colour
        ),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            x=alt.X("accuracy:Q", **x), color=colour
        ),
    )


CHART = Chart(
    sql="""
    select model, benchmark, domain, capability, n_items,
        accuracy, accuracy_low, accuracy_high, chance
    from marts.benchmarks
    where accuracy is not null
    order by model, position
    """,
    draw=draw,
    page="health",
    place=1,
    facets=("model",),
    is_optional=True,
)
