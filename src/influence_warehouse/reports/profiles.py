"""z by topic or by format, a panel a benchmark in one shared order: what both profiles share."""

from math import ceil

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme

_ROW = 19  # pixels a topic or format: a 12 px label with air
_WIDTH = 195  # pixels a panel; one or two panels take the room of three
_PANELS_A_ROW = 5


def profile(table: pl.DataFrame, side: str, other: str) -> alt.FacetChart:
    """A panel per benchmark, its regions by z with 95 % intervals, in one order.

    Reads method, benchmark, domain, capability, n_documents, z, z_low, z_high, q_value and `side`,
    `topic` or `format`; `other` is what is averaged over.
    """
    noun, averaged = labels.grouping(table, side), labels.grouping(table, other)
    over = f"unweighted mean over its {labels.plural(averaged)} of the bins' z"
    panels = table["benchmark"].unique(maintain_order=True).to_list()
    rows = table.with_columns(
        labels.titled(side, to="label"),
        labels.interval("z_low", "z_high"),
        pl.col("z", "z_low", "z_high", "q_value").round(4),
        mark=theme.significance("q_value"),
        absence=theme.absence("z"),
    ).select(
        *("benchmark", "label", "n_documents", "z", "z_low", "z_high"),
        *("interval", "q_value", "mark", "absence"),
    )
    order = _order(rows)
    shown = labels.ends(order)
    rows = rows.filter(pl.col("label").is_in(shown))
    chart = (
        _panel(rows, shown, _colour(table, panels))
        .properties(width=_WIDTH * max(1, 3 // len(panels)), height=_ROW * len(shown))
        .facet(
            facet=alt.Facet(
                "benchmark:N",
                sort=panels,
                header=alt.Header(title=None, labelAnchor="start"),
            ),
            columns=_columns(len(panels)),
            spacing=32,
        )
    )
    sizes = table.filter(benchmark=panels[0])["n_documents"]
    return theme.framed(
        chart,
        f"Which {labels.plural(noun)} support which benchmark most?",
        [
            f"{labels.scored_by(table)} scores of "
            f"{labels.count(int(sizes.sum()), 'document')}. z of a {noun}: "
            f"{over if averaged else 'its mean against the means of all'}; above 0: above the "
            "mean of all.",
            labels.uncertainty(
                table["z_low"],
                "Bars: 95 % two-way bootstrap intervals (items and documents). "
                f"Filled: q < {theme.LEVEL} (Benjamini-Hochberg over the {labels.plural(noun)})"
                f"{labels.untested(table, 'z')}.",
            ),
            f"{labels.capital(labels.plural(noun))} in order of their mean z over all benchmarks "
            "shown.",
            *labels.left_out(order, noun),
        ],
    )


def _panel(
    rows: pl.DataFrame, order: list[str], colour: alt.Color
) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(ticks=False, grid=True)),
        color=colour,
        tooltip=theme.tooltips(
            rows,
            alt.Tooltip("benchmark:N", title="benchmark"),
            alt.Tooltip("label:N", title="region"),
            alt.Tooltip("n_documents:Q", title="documents", format=","),
            alt.Tooltip("z:Q", format="+.2f"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("q_value:Q", title="q", format=".3f"),
        ),
    )
    zero = alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=alt.datum(0))
    x = alt.X("z:Q", title="z", axis=alt.Axis(tickCount=6, grid=False))
    return alt.layer(
        zero,
        base.mark_rule(strokeWidth=2).encode(x=alt.X("z_low:Q", title="z"), x2="z_high:Q"),
        theme.significance_points(base.encode(x=x)),
        theme.absences(base),
    )


def _columns(panels: int) -> int:
    """Panels in a row, so that several rows are as even as can be: 6 are 3 and 3."""
    return ceil(panels / ceil(panels / _PANELS_A_ROW))


def _order(rows: pl.DataFrame) -> list[str]:
    """Labels by mean z over the benchmarks, strongest first; regions without z come last."""
    means = rows.group_by("label").agg(pl.col("z").mean())
    return means.sort("z", "label", descending=[True, False], nulls_last=True)["label"].to_list()


def _colour(table: pl.DataFrame, panels: list[str]) -> alt.Color:
    colours = theme.benchmark_colours(table)
    scale = alt.Scale(domain=panels, range=[colours[panel] for panel in panels])
    return alt.Color("benchmark:N", scale=scale, legend=None)


def influence_sql(side: str) -> str:
    """Rows of the profile by `topic` or by `format`."""
    return f"""
        select i.model, i.method, i.benchmark,
            coalesce(b.domain, 'not told') as domain,
            coalesce(b.capability, 'not told') as capability, i.{side},
            i.n_documents, i.z, i.z_low, i.z_high, i.q_value
        from marts.{side}_influence as i
        join marts.benchmarks as b using (study, model, benchmark)
        order by i.model, i.method, b.position, i.{side}
    """
