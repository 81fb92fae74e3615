"""Differences of z by region, a panel a contrast: what the charts of contrasts share.

Each panel has its own order, because its ranking is the message.
"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme

_ROW = 19  # pixels a topic or format: a 12 px label with air
_WIDTH = 250
_PANELS_A_ROW = 3
BENCHMARKS = "have a higher mean score for one benchmark than for the other?"
DIFFERENCE = "z of the first benchmark minus z of the second"


def contrasts(
    table: pl.DataFrame, sides: tuple[str, str], question: str, difference: str, *notes: str
) -> alt.ConcatChart:
    """A panel per contrast, its regions by `delta_z` with 95 % intervals.

    Reads method, contrast, benchmark_a, benchmark_b, n_documents, delta_z, delta_z_low,
    delta_z_high, q_value, doubtful and the first of `sides`, `topic` or `format`; the second one is
    what is averaged over.
    `question` follows "Which topics", `difference` says what is subtracted.
    """
    noun, averaged = (labels.grouping(table, side) for side in sides)
    over = f", mean over its {labels.plural(averaged)}" if averaged else ""
    rows = table.with_columns(
        labels.titled(sides[0], to="label"),
        labels.interval("delta_z_low", "delta_z_high"),
        pl.col("delta_z", "delta_z_low", "delta_z_high", "q_value").round(4),
        mark=theme.significance("q_value"),
        absence=theme.absence("delta_z"),
        lean=pl.when(pl.col("delta_z") > 0).then(pl.lit("a")).otherwise(pl.lit("b")),
    )
    contrasts = table["contrast"].unique(maintain_order=True).to_list()
    # A panel of its own takes the room of two: the subtitle needs it anyway.
    width = _WIDTH * max(1, 2 // len(contrasts))
    panels = [_panel(rows.filter(contrast=contrast), width) for contrast in contrasts]
    chart = alt.concat(*panels, columns=_PANELS_A_ROW, spacing=36)
    if len(panels) > 1:
        # One scale lets panels be compared; the order of regions stays each panel's own.
        chart = chart.resolve_scale(x="shared", y="independent")
    return theme.framed(
        chart,
        f"Which {labels.plural(noun)} {question}",
        [
            f"{labels.scored_by(table)}. \N{GREEK CAPITAL LETTER DELTA}z of a {noun}: "
            f"{difference}{over}; {labels.count(rows['label'].n_unique(), noun)}.",
            labels.uncertainty(
                table["delta_z_low"],
                "Bars: 95 % intervals over sources of items and over documents. "
                f"Filled: q < {theme.LEVEL} (Benjamini-Hochberg over the {labels.plural(noun)} "
                f"of a contrast){labels.untested(table, 'delta_z')}.",
            ),
            *labels.left_out(rows["label"].unique().to_list(), noun),
            *labels.doubtful(table["doubtful"].drop_nulls()),
            *notes,
        ],
    )


def _panel(rows: pl.DataFrame, width: int) -> alt.LayerChart | alt.FacetChart:
    contrast, a, b = rows.select("contrast", "benchmark_a", "benchmark_b").row(0)
    order = rows.sort("delta_z", "label", descending=[True, False], nulls_last=True)["label"]
    shown = labels.ends(order.to_list())
    table = rows.filter(pl.col("label").is_in(shown)).select(
        *("label", "delta_z", "delta_z_low", "delta_z_high"),
        *("interval", "q_value", "mark", "lean", "absence"),
    )
    scale = alt.Scale(domain=["a", "b"], range=[theme.SUPPORTS, theme.OPPOSES])
    base = alt.Chart(table).encode(
        y=alt.Y("label:N", sort=shown, title=None, axis=alt.Axis(ticks=False, grid=True)),
        color=alt.Color("lean:N", scale=scale, legend=None),
        tooltip=theme.tooltips(
            table,
            alt.Tooltip("label:N", title="region"),
            alt.Tooltip("delta_z:Q", title="difference of z", format="+.2f"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("q_value:Q", title="q", format=".3f"),
        ),
    )
    x: dict[str, Any] = {"title": _directions(a, b), "axis": alt.Axis(tickCount=6, grid=False)}
    zero = alt.Chart(table).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=alt.datum(0))
    bars = base.mark_rule(strokeWidth=2).encode(x=alt.X("delta_z_low:Q", **x), x2="delta_z_high:Q")
    points = theme.significance_points(base.encode(x=alt.X("delta_z:Q", **x)))
    return alt.layer(zero, bars, points, theme.absences(base)).properties(
        title=alt.Title(contrast, fontSize=14, offset=6),
        width=width,
        height=_ROW * table.height,
    )


def _directions(a: str, b: str) -> str | list[str]:
    """What the two directions of the axis mean, on one line where it fits under the panel."""
    left = f"\N{LEFTWARDS ARROW} {b}"
    right = f"{a} \N{RIGHTWARDS ARROW}"
    return [left, right] if len(left + right) > 44 else f"{left}    |    {right}"


def contrast_sql(side: str) -> str:
    """Rows of the chart of contrasts by `topic` or by `format`."""
    return f"""
        select c.model, c.method, c.contrast, c.benchmark_a, c.benchmark_b, c.{side},
            c.n_documents, c.delta_z, c.delta_z_low, c.delta_z_high, c.q_value, d.doubtful
        from marts.{side}_contrasts as c
        left join ({doubtful_sql(side)}) as d using (model, method)
        order by c.model, c.method, c.contrast, c.{side}
    """


def doubtful_sql(side: str) -> str:
    """Benchmarks whose z is doubtful, in a text, by model and method."""
    return f"""
        select model, method, string_agg(distinct benchmark, ', ' order by benchmark) as doubtful
        from marts.{side}_influence
        where is_z_doubtful
        group by model, method
    """
