"""Which bins of the corpus support a benchmark most?"""

from math import ceil

import altair as alt
import polars as pl

from influence_warehouse.reports import grids, labels, theme
from influence_warehouse.reports.chart import Chart

CLIP_QUANTILE = 0.98
"""Colours end at this quantile of |z|, so that one bin does not bleach the others."""

_AT_LEAST, _AT_MOST = "\N{GREATER-THAN OR EQUAL TO}", "\N{LESS-THAN OR EQUAL TO}"


def draw(table: pl.DataFrame) -> alt.LayerChart:
    """z of every bin for one benchmark, with empty bins hatched and significant ones dotted.

    Bins beyond the colours' ends carry their z as a number.

    Reads marts.bin_influence for one method and benchmark: benchmark, method,
    topic, format, n_documents, z, z_low, z_high, q_value, top_share.
    """
    rows = _influence_rows(grids.shown_rows(table, "n_documents"))
    limit = _colour_limit(rows["z"])
    axes = grids.axes_of(rows, table)
    base = alt.Chart(rows).encode(*axes, tooltip=_influence_tooltip(rows, table))
    cells = grids.cells(base, "isValid(datum.z)", _colour(rows, limit))
    marks = grids.noted(base, _marks(rows))
    return theme.framed(
        grids.sized(rows, *cells, marks, *_numbers(base, limit)),
        f"Which bins of the corpus support {table['benchmark'][0]} most?",
        [_influence_counts(table), *_influence_notes(rows, limit), *grids.left_out(rows, table)],
    )


def _marks(rows: pl.DataFrame) -> list[str]:
    """Notes for the legend: a test that could not be made has no mark."""
    tested = [theme.PASSES] if rows["q_value"].count() else []
    unknown = [grids.UNKNOWN_NOTE] if (rows["note"] == grids.UNKNOWN_NOTE).any() else []
    return [*tested, grids.EMPTY_NOTE, *unknown]


def _colour(rows: pl.DataFrame, limit: float) -> alt.Color:
    """A scale from -limit to limit; its legend says where it holds what lies beyond."""
    shown = "format(datum.value, '.1f')"
    for end, sign in ((limit, _AT_LEAST), (-limit, _AT_MOST)):
        if (rows["z"] * end > limit * limit).any():
            shown = f"(datum.value == {end} ? '{sign} ' : '') + {shown}"
    return alt.Color(
        "z:Q",
        scale=alt.Scale(
            scheme=theme.DIVERGING, domain=[-limit, limit], domainMid=0, nice=False, clamp=True
        ),
        legend=alt.Legend(
            title="z of the bin's mean score",
            gradientLength=180,
            values=[-limit, -limit / 2, 0, limit / 2, limit],
            labelExpr=shown,
        ),
    )


def _numbers(base: alt.Chart, limit: float) -> list[alt.Chart]:
    """z in the cells that the colours do not tell apart, above the dot where there is one."""
    beyond = base.transform_filter(f"abs(datum.z) > {limit}").encode(
        text=alt.Text("shown_z:N"), color=alt.value("white")
    )
    return [
        beyond.transform_filter("!isValid(datum.note)").mark_text(fontSize=10),
        beyond.transform_filter("isValid(datum.note)").mark_text(fontSize=9, dy=-8.5),
    ]


def _influence_rows(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(
        labels.titled("topic"),
        labels.titled("format"),
        labels.interval("z_low", "z_high"),
        pl.col("z", "q_value", "top_share").round(4),
        pl.when(pl.col("q_value") < theme.LEVEL)
        .then(pl.lit(theme.PASSES))
        .otherwise(theme.absence("z"))
        .alias("note"),
        labels.short_number("z", to="shown_z"),
    ).select(
        *("topic_title", "format_title", "n_documents", "z", "shown_z", "interval"),
        *("q_value", "top_share", "note"),
    )


def _colour_limit(z: pl.Series) -> float:
    """The |z| at which colours end: a quantile, rounded up to one decimal, never zero."""
    found = z.abs().quantile(CLIP_QUANTILE, interpolation="higher")
    return max(0.1, ceil(round(10 * float(found or 0.0), 6)) / 10)


def _influence_tooltip(rows: pl.DataFrame, table: pl.DataFrame) -> list[alt.Tooltip]:
    return theme.tooltips(
        rows,
        alt.Tooltip("topic_title:N", title=labels.grouping(table, "topic")),
        alt.Tooltip("format_title:N", title=labels.grouping(table, "format") or "documents"),
        alt.Tooltip("n_documents:Q", title="documents", format=","),
        alt.Tooltip("z:Q", format="+.2f"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("q_value:Q", title="q", format=".3f"),
        alt.Tooltip("top_share:Q", title="share of top documents", format=".2%"),
    )


def _influence_counts(table: pl.DataFrame) -> str:
    filled = table.filter(pl.col("n_documents") > 0)
    return (
        f"{labels.scored_by(table)} scores of "
        f"{labels.count(int(filled['n_documents'].sum()), 'document')} in "
        f"{labels.count(filled.height, 'bin')} ({labels.count(table.height - filled.height, 'bin')}"
        " without documents). z: bin mean against all bins' means; orange: above them."
    )


def _influence_notes(rows: pl.DataFrame, limit: float) -> list[str]:
    beyond = int((rows["z"].abs() > limit).sum())
    dots = f"Dot: {theme.PASSES} (two-way bootstrap, Benjamini-Hochberg over the bins)."
    ends = f"Colours end at |z| = {limit:g}, the {100 * CLIP_QUANTILE:g} % quantile"
    numbers = f"; the {labels.count(beyond, 'bin')} beyond carry their z" if beyond else ""
    return [
        labels.uncertainty(rows["interval"], dots),
        f"{ends}{numbers}. The HTML's tooltips give value and n.",
    ]


CHART = Chart(
    sql="""
    select i.model, i.method, i.benchmark, i.topic, i.format, i.n_documents,
        i.z, i.z_low, i.z_high, i.q_value, i.top_share
    from marts.bin_influence as i
    join marts.benchmarks as b using (study, model, benchmark)
    -- Of documents with one label it would be the profile by that label once more.
    where (
        select least(count(distinct topic), count(distinct format)) from marts.bins
    ) > 1
    order by i.model, i.method, b.position, i.bin_id
    """,
    draw=draw,
    page="support",
    place=3,
    facets=("model", "method", "benchmark"),
    is_optional=True,
)
