"""A measure of every bin for one benchmark: what the heat maps of the grid of bins share."""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import grids, labels, theme
from influence_warehouse.reports.measures import Measure

CLIP_QUANTILE = 0.98
"""Colours saturate where this share of the bins is nearer to the average, so that one bin does
not bleach the others."""


def heatmap(
    table: pl.DataFrame, measure: Measure, question: str, legend: str, subtitle: list[str]
) -> alt.LayerChart:
    """The measure of every bin for one benchmark, with empty bins hatched and significant ones
    dotted; colours meet at the average.

    Reads the columns of `influence_sql`. `legend` names the measure, `subtitle` explains it.
    """
    rows = _influence_rows(grids.shown_rows(table, "n_documents"), measure)
    average: Any = (table[measure.average].max() or 0.0) if measure.average else 0.0
    limit = _colour_limit(rows[measure.value] - average)
    low = -limit if measure.average is None else max(0.0, average - limit)
    colour = alt.Color(
        f"{measure.value}:Q",
        scale=alt.Scale(
            scheme=theme.DIVERGING,
            domain=[low, average + limit],
            domainMid=average,
            nice=False,
            clamp=True,
        ),
        legend=alt.Legend(title=legend, gradientLength=180, format=".2~f"),
    )
    axes = grids.axes_of(rows, table)
    base = alt.Chart(rows).encode(*axes, tooltip=_influence_tooltip(table, measure))
    cells = grids.cells(base, f"isValid(datum.{measure.value})", colour)
    return theme.framed(
        grids.sized(rows, *cells, grids.noted(base, [theme.PASSES, grids.EMPTY_NOTE])),
        question,
        [
            _influence_counts(table),
            *subtitle,
            _saturation(table[measure.value] - average, average, limit),
            *grids.left_out(rows, table),
        ],
    )


def influence_sql(measure: Measure) -> str:
    """Rows of the heat map of a measure."""
    columns = ", ".join(f"i.{name}" for name in measure.columns)
    # A benchmark without the measure is not shown.
    known = f"and i.{measure.average} is not null" if measure.average else ""
    return f"""
    select i.model, i.method, i.benchmark, i.topic, i.format, i.n_documents, i.n_items,
        i.n_clusters, {columns}, i.top_share, i.is_z_doubtful
    from marts.bin_influence as i
    join marts.benchmarks as b using (study, model, benchmark)
    -- Of documents with one label it would be the profile by that label once more.
    where (
        select least(count(distinct topic), count(distinct format)) from marts.bins
    ) > 1 {known}
    order by i.model, i.method, b.position, i.bin_id
    """


def _influence_rows(table: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    return table.with_columns(
        labels.titled("topic"),
        labels.titled("format"),
        labels.interval(measure.low, measure.high),
        pl.col(measure.value, measure.q_value, "top_share").round(4),
        pl.when(pl.col(measure.value).is_null())
        .then(pl.lit(grids.EMPTY_NOTE))
        .when(pl.col(measure.q_value) < theme.LEVEL)
        .then(pl.lit(theme.PASSES))
        .alias("note"),
    ).select(
        *("topic_title", "format_title", "n_documents", measure.value, "interval"),
        *(measure.q_value, "top_share", "note"),
    )


def _colour_limit(distances: pl.Series) -> float:
    """The distance from the average at which colours saturate: a quantile, two digits, never 0."""
    found = distances.abs().quantile(CLIP_QUANTILE, interpolation="higher")
    return max(0.01, float(f"{found or 0.0:.2g}"))


def _influence_tooltip(table: pl.DataFrame, measure: Measure) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("topic_title:N", title=labels.grouping(table, "topic")),
        alt.Tooltip("format_title:N", title=labels.grouping(table, "format") or "documents"),
        alt.Tooltip("n_documents:Q", title="documents", format=","),
        alt.Tooltip(f"{measure.value}:Q", format=measure.digits),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip(f"{measure.q_value}:Q", title="q", format=".3f"),
        alt.Tooltip("top_share:Q", title="share of top documents", format=".2%"),
    ]


def _influence_counts(table: pl.DataFrame) -> str:
    filled = table.filter(pl.col("n_documents") > 0)
    return (
        f"{labels.scored_by(table)} scores of "
        f"{labels.count(int(filled['n_documents'].sum()), 'document')} in "
        f"{labels.count(filled.height, 'bin')} ({labels.count(table.height - filled.height, 'bin')}"
        " without documents)."
    )


def _saturation(distances: pl.Series, average: float, limit: float) -> str:
    beyond = int((distances.round(4).abs() > limit).sum())
    return (
        f"Colours saturate {limit:g} away from {average:.2g}, the {CLIP_QUANTILE:.0%} quantile "
        f"({labels.count(beyond, 'bin')} beyond); the HTML's tooltips give value, "
        "95 % interval and n."
    )
