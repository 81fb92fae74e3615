"""A measure of every bin for one benchmark: what the heat maps of the grid of bins share."""

from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import grids, labels, theme
from influence_warehouse.reports.measures import Measure

CLIP_QUANTILE = 0.98
"""Colours end where this share of the bins is nearer to the average, so that one bin does not
bleach the others."""

_AT_LEAST, _AT_MOST = "\N{GREATER-THAN OR EQUAL TO}", "\N{LESS-THAN OR EQUAL TO}"


def heatmap(
    table: pl.DataFrame, measure: Measure, question: str, legend: str, subtitle: list[str]
) -> alt.LayerChart:
    """The measure of every bin for one benchmark, with empty bins hatched and significant ones
    dotted; colours meet at the average, and bins beyond their ends carry their value.

    Reads the columns of `influence_sql`. `legend` names the measure, `subtitle` explains it.
    """
    rows = _influence_rows(grids.shown_rows(table, "n_documents"), measure)
    scale = _scale_of(rows, measure)
    axes = grids.axes_of(rows, table)
    base = alt.Chart(rows).encode(*axes, tooltip=_influence_tooltip(rows, table, measure))
    filled = f"isValid(datum.{measure.value})"
    cells = grids.cells(base, filled, _colour(rows, measure, scale, legend))
    return theme.framed(
        grids.sized(
            rows, *cells, grids.noted(base, _marks(rows, measure)), *_numbers(base, measure, scale)
        ),
        question,
        [
            _influence_counts(table),
            *subtitle,
            _ends(rows, measure, scale),
            *grids.left_out(rows, table),
        ],
    )


@dataclass(frozen=True)
class _Scale:
    """Where colours end, and the average where they meet."""

    low: float
    average: float
    high: float


def _scale_of(rows: pl.DataFrame, measure: Measure) -> _Scale:
    average: Any = (rows[measure.average].max() or 0.0) if measure.average else 0.0
    limit = _colour_limit(rows[measure.value] - average)
    low = -limit if measure.average is None else max(0.0, average - limit)
    return _Scale(low, average, average + limit)


def _colour(rows: pl.DataFrame, measure: Measure, scale: _Scale, legend: str) -> alt.Color:
    """Its legend says where an end holds what lies beyond."""
    shown = "format(datum.value, '.2~f')"
    for end, sign, beyond in (
        (scale.high, _AT_LEAST, rows[measure.value] > scale.high),
        (scale.low, _AT_MOST, rows[measure.value] < scale.low),
    ):
        if beyond.any():
            shown = f"(datum.value == {end} ? '{sign} ' : '') + {shown}"
    middle = [(end + scale.average) / 2 for end in (scale.low, scale.high)]
    return alt.Color(
        f"{measure.value}:Q",
        scale=alt.Scale(
            scheme=theme.DIVERGING,
            domain=[scale.low, scale.high],
            domainMid=scale.average,
            nice=False,
            clamp=True,
        ),
        legend=alt.Legend(
            title=legend,
            gradientLength=180,
            values=[scale.low, middle[0], scale.average, middle[1], scale.high],
            labelExpr=shown,
        ),
    )


def _marks(rows: pl.DataFrame, measure: Measure) -> list[str]:
    """Notes for the legend: a test that could not be made has no mark."""
    tested = [theme.PASSES] if rows[measure.q_value].count() else []
    unknown = [grids.UNKNOWN_NOTE] if (rows["note"] == grids.UNKNOWN_NOTE).any() else []
    return [*tested, grids.EMPTY_NOTE, *unknown]


def _numbers(base: alt.Chart, measure: Measure, scale: _Scale) -> list[alt.Chart]:
    """The value in the cells that the colours do not tell apart, above the dot if there is one."""
    value = f"datum.{measure.value}"
    beyond = base.transform_filter(f"{value} > {scale.high} || {value} < {scale.low}").encode(
        text=alt.Text("shown:N"), color=alt.value("white")
    )
    return [
        beyond.transform_filter("!isValid(datum.note)").mark_text(fontSize=10),
        beyond.transform_filter("isValid(datum.note)").mark_text(fontSize=9, dy=-8.5),
    ]


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
        pl.col(*measure.columns, "top_share").round(4),
        pl.when(pl.col(measure.q_value) < theme.LEVEL)
        .then(pl.lit(theme.PASSES))
        .otherwise(theme.absence(measure.value))
        .alias("note"),
        labels.short_number(measure.value, to="shown"),
    ).select(
        *("topic_title", "format_title", "n_documents", *measure.columns),
        *("shown", "interval", "top_share", "note"),
    )


def _colour_limit(distances: pl.Series) -> float:
    """The distance from the average at which colours saturate: a quantile, two digits, never 0."""
    found = distances.abs().quantile(CLIP_QUANTILE, interpolation="higher")
    return max(0.01, float(f"{found or 0.0:.2g}"))


def _influence_tooltip(
    rows: pl.DataFrame, table: pl.DataFrame, measure: Measure
) -> list[alt.Tooltip]:
    return theme.tooltips(
        rows,
        alt.Tooltip("topic_title:N", title=labels.grouping(table, "topic")),
        alt.Tooltip("format_title:N", title=labels.grouping(table, "format") or "documents"),
        alt.Tooltip("n_documents:Q", title="documents", format=","),
        alt.Tooltip(f"{measure.value}:Q", format=measure.digits),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip(f"{measure.q_value}:Q", title="q", format=".3f"),
        alt.Tooltip("top_share:Q", title="share of top documents", format=".2%"),
    )


def _influence_counts(table: pl.DataFrame) -> str:
    filled = table.filter(pl.col("n_documents") > 0)
    return (
        f"{labels.scored_by(table)} scores of "
        f"{labels.count(int(filled['n_documents'].sum()), 'document')} in "
        f"{labels.count(filled.height, 'bin')} ({labels.count(table.height - filled.height, 'bin')}"
        " without documents)."
    )


def _ends(rows: pl.DataFrame, measure: Measure, scale: _Scale) -> str:
    value = rows[measure.value]
    beyond = int(((value > scale.high) | (value < scale.low)).sum())
    numbers = f"; the {labels.count(beyond, 'bin')} beyond carry their value" if beyond else ""
    return (
        f"Colours end at {scale.low:.2g} and {scale.high:.2g}, where {CLIP_QUANTILE:.0%} of the "
        f"bins are nearer to {scale.average:.2g}{numbers}. The HTML's tooltips give value and n."
    )
