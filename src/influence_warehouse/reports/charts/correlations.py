"""Do two benchmarks lean on the same regions?"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS

_ROW = 26  # pixels a pair
_WIDTH = 240  # pixels a panel


def draw(table: pl.DataFrame) -> alt.LayerChart:
    """Correlation of each pair of benchmarks' profiles, and what a single region makes of it.

    Reads marts.benchmark_correlations for one method: method, preconditioner, level, benchmark_a,
    benchmark_b, n_regions, pearson, spearman, pearson_low, pearson_high, signal_share_a,
    leave_one_out_min, leave_one_out_max, most_influential_bin.
    """
    rows = _pair_rows(table)
    called = {side: labels.grouping(table, side) or side for side in ("bin", "topic", "format")}
    shown = {level: f"Over {labels.plural(noun)}" for level, noun in called.items()}
    rows = rows.with_columns(panel=pl.col("level").replace(shown))
    levels = [title for level, title in shown.items() if level in set(rows["level"])]
    height = _ROW * rows["pair"].n_unique()
    preconditioner = table["preconditioner"][0] or "none known"
    chart = (
        _correlation_layers(rows)
        .properties(width=_WIDTH, height=height)
        .facet(
            facet=alt.Facet(
                "panel:N",
                sort=levels,
                header=alt.Header(title=None, labelAnchor="start"),
            ),
            columns=len(levels),
            spacing=40,
        )
    )
    return theme.framed(
        chart,
        CHARTS["correlations"],
        [
            f"{labels.scored_by(table)}. Preconditioner: {preconditioner}; another one gives other "
            "correlations.",
            "Dot: Pearson correlation of the two profiles of z; diamond: Spearman.",
            _intervals(table),
            "Grey band: the Pearson correlations found when any one region is left out "
            "(a wide band means that it hangs on a single region).",
        ],
    )


def _intervals(table: pl.DataFrame) -> str:
    """What the lines are, or why there is none at all."""
    if table["pearson_low"].is_not_null().any():
        return (
            "Line: 95 % interval of Pearson's over sources of items and over documents; none where "
            "the share of signal in a profile is not above 0."
        )
    if table["signal_share_a"].is_not_null().any():
        return "No intervals: in one profile of each pair the share of signal is not above 0."
    return labels.uncertainty(table["pearson_low"], "")


def _pair_rows(table: pl.DataFrame) -> pl.DataFrame:
    pair = pl.concat_str("benchmark_a", pl.lit(" \N{MULTIPLICATION SIGN} "), "benchmark_b")
    return table.with_columns(
        labels.interval("pearson_low", "pearson_high"),
        labels.interval("leave_one_out_min", "leave_one_out_max", to="leave_one_out"),
    ).select(
        pair.alias("pair"),
        *("level", "n_regions", "pearson", "spearman", "pearson_low", "pearson_high"),
        *("interval", "leave_one_out_min", "leave_one_out_max", "leave_one_out"),
        "most_influential_bin",
    )


def _correlation_layers(rows: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows).encode(
        y=alt.Y("pair:N", sort=None, title=None, axis=alt.Axis(ticks=False, grid=True)),
        tooltip=theme.tooltips(
            rows,
            *(alt.Tooltip("pair:N"), alt.Tooltip("panel:N", title="profiles")),
            alt.Tooltip("n_regions:Q", title="regions compared"),
            alt.Tooltip("pearson:Q", format="+.2f"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("spearman:Q", format="+.2f"),
            alt.Tooltip("leave_one_out:N", title="with one region left out"),
            alt.Tooltip("most_influential_bin:N", title="region that moves it most"),
        ),
    )
    x: dict[str, Any] = {
        "title": "correlation",
        "scale": alt.Scale(domain=[-1, 1]),
        "axis": alt.Axis(values=[-1, -0.5, 0, 0.5, 1], grid=False),
    }
    zero = alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=alt.datum(0))
    return alt.layer(
        zero,
        base.mark_bar(height=14, color="#cfcfcf").encode(
            x=alt.X("leave_one_out_min:Q", **x), x2="leave_one_out_max:Q"
        ),
        base.mark_rule(strokeWidth=2, color=theme.OPPOSES).encode(
            x=alt.X("pearson_low:Q", **x), x2="pearson_high:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1, color=theme.OPPOSES).encode(
            x=alt.X("pearson:Q", **x)
        ),
        base.mark_point(size=60, shape="diamond", color=theme.SUPPORTS, opacity=1).encode(
            x=alt.X("spearman:Q", **x)
        ),
    )


CHART = Chart(
    sql="""
    select c.model, c.method, c.preconditioner, c.level, c.benchmark_a, c.benchmark_b,
        c.n_regions, c.pearson, c.spearman, c.pearson_low, c.pearson_high, c.signal_share_a,
        c.leave_one_out_min, c.leave_one_out_max, c.most_influential_bin
    from marts.benchmark_correlations as c
    join marts.benchmarks as a
        on c.study = a.study and c.model = a.model and c.benchmark_a = a.benchmark
    join marts.benchmarks as b
        on c.study = b.study and c.model = b.model and c.benchmark_b = b.benchmark
    order by c.model, c.method, c.level, a.position, b.position
    """,
    draw=draw,
    page="sensitivity",
    place=1,
    facets=("model", "method"),
    is_optional=True,
)
