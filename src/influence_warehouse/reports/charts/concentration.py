"""Does influence come from fewer bins than chance gives?"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS

_ROW = 26  # pixels a benchmark
_WIDTH = 240  # pixels a panel
_MEASURES = {
    "z": "z of the bins",
    "mean": "mean score of the bins",
    "top_share": "share of top documents",
}


def draw(table: pl.DataFrame) -> alt.LayerChart:
    """Gini over the bins for each benchmark, a panel per measure, beside that of pure noise.

    Reads marts.influence_concentration for one method: method, benchmark, measure, n_bins, gini,
    effective_bins, gini_of_noise, gini_of_noise_low, gini_of_noise_high,
    effective_bins_of_noise, noise_unknown_reason. Benchmarks follow the rows' order.
    """
    rows = table.with_columns(
        labels.interval("gini_of_noise_low", "gini_of_noise_high", to="noise"),
        panel=pl.col("measure").replace(_MEASURES),
    ).drop("model", "method", "measure")
    panels = [title for title in _MEASURES.values() if title in set(rows["panel"])]
    chart = (
        _layers(rows)
        .properties(width=_WIDTH, height=_ROW * rows["benchmark"].n_unique())
        .facet(
            facet=alt.Facet(
                "panel:N", sort=panels, header=alt.Header(title=None, labelAnchor="start")
            ),
            columns=len(panels),
            spacing=40,
        )
    )
    return theme.framed(chart, CHARTS["concentration"], _notes(table))


def _notes(table: pl.DataFrame) -> list[str]:
    bins = labels.count(int(table["n_bins"].to_list()[0]), "bin")
    unknown = table.filter(pl.col("gini_of_noise").is_null())
    reasons = unknown.select("measure", "noise_unknown_reason").unique(maintain_order=True)
    return [
        f"{labels.scored_by(table)}. Dot: Gini coefficient of what is positive over {bins}, "
        "0 (even) to 1 (all in one bin).",
        "Grey band: 95 % of what documents dealt to the bins at random give. "
        "A dot within it: no more than chance.",
        *(
            f"{_MEASURES[measure].capitalize()}: noise is not known, it {reason}."
            for measure, reason in reasons.iter_rows()
        ),
    ]


def _layers(rows: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows).encode(
        y=alt.Y("benchmark:N", sort=None, title=None, axis=alt.Axis(ticks=False, grid=True)),
        tooltip=theme.tooltips(
            rows,
            alt.Tooltip("benchmark:N", title="benchmark"),
            alt.Tooltip("panel:N", title="of"),
            alt.Tooltip("gini:Q", title="Gini", format=".2f"),
            alt.Tooltip("gini_of_noise:Q", title="Gini of noise", format=".2f"),
            alt.Tooltip("noise:N", title="95 % of noise"),
            alt.Tooltip("effective_bins:Q", title="as on so many equal bins", format=".0f"),
            alt.Tooltip("effective_bins_of_noise:Q", title="noise as on", format=".0f"),
        ),
    )
    x: dict[str, Any] = {
        "title": "Gini coefficient",
        "scale": alt.Scale(domain=[0, 1]),
        "axis": alt.Axis(tickCount=5, grid=False),
    }
    return alt.layer(
        base.mark_bar(height=14, color="#cfcfcf").encode(
            x=alt.X("gini_of_noise_low:Q", **x), x2="gini_of_noise_high:Q"
        ),
        base.mark_tick(color=theme.MUTED, thickness=2, size=14, opacity=1).encode(
            x=alt.X("gini_of_noise:Q", **x)
        ),
        base.mark_point(filled=True, size=60, opacity=1, color=theme.INK).encode(
            x=alt.X("gini:Q", **x)
        ),
    )


CHART = Chart(
    sql="""
    select c.model, c.method, c.benchmark, c.measure, c.n_bins, c.gini, c.effective_bins,
        c.gini_of_noise, c.gini_of_noise_low, c.gini_of_noise_high, c.effective_bins_of_noise,
        c.noise_unknown_reason
    from marts.influence_concentration as c
    join marts.benchmarks as b using (study, model, benchmark)
    order by c.model, c.method, b.position, c.measure
    """,
    draw=draw,
    page="support",
    place=4,
    facets=("model", "method"),
)
