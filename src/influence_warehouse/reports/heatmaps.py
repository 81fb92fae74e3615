"""The 24 x 24 taxonomy as a grid: influence per bin, and documents per bin.

Belongs here: charts with topics as rows and formats as columns. Each is a pure function of
a table with the columns of the mart that it names.
"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme

CLIP_QUANTILE = 0.98
"""Colours saturate at this quantile of |z|, so that one bin does not bleach the others."""

_STEP = 25  # pixels a cell: room for a 12 px label on each row
_EMPTY_NOTE = "no documents"
_DOT_SIZE, _SLASH_SIZE = 48, 320  # square pixels
# Shape, fill and stroke of a mark. The white rim shows the dot on dark cells; the
# SVG path is the diagonal that hatches a bin without documents.
_LOOKS = {
    theme.PASSES: ("circle", theme.INK, "white"),
    _EMPTY_NOTE: ("M-1,1L1,-1", "transparent", "#8c8c8c"),
}


def bin_heatmap(table: pl.DataFrame) -> alt.LayerChart:
    """z of every bin for one benchmark, with empty bins hatched and significant ones dotted.

    Reads marts.bin_influence for one method, benchmark and item_subset: benchmark, method,
    topic, format, n_documents, z, z_low, z_high, q_value, top_share.
    """
    rows = _influence_rows(_shown(table, "n_documents"))
    limit = _colour_limit(rows["z"])
    colour = alt.Color(
        "z:Q",
        scale=alt.Scale(
            scheme=theme.DIVERGING, domain=[-limit, limit], domainMid=0, nice=False, clamp=True
        ),
        legend=alt.Legend(title="z of the bin's mean score", gradientLength=180, format=".1f"),
    )
    axes = _grid(rows, table)
    base = alt.Chart(rows).encode(*axes, tooltip=_influence_tooltip(table))
    cells = _cells(base, "isValid(datum.z)", colour)
    return theme.framed(
        _sized(rows, *cells, _notes(base, [theme.PASSES, _EMPTY_NOTE])),
        f"Which bins of the corpus support {labels.name(table['benchmark'][0])}?",
        [_influence_counts(table), *_influence_notes(table, limit), *_left_out(rows, table)],
    )


def sample_sizes(table: pl.DataFrame) -> alt.LayerChart:
    """Documents sampled per bin, written in the cell; empty bins are hatched.

    Reads marts.bins: topic, format, population_documents, sampled_documents, stratum.
    """
    rows = _sample_rows(_shown(table, "sampled_documents"))
    most = max(1, *rows["sampled_documents"].to_list())
    colour = alt.Color(
        "sampled_documents:Q",
        scale=alt.Scale(scheme=theme.SEQUENTIAL, domain=[0, most], nice=False),
        legend=alt.Legend(title="documents sampled", gradientLength=180, format=",d"),
    )
    base = alt.Chart(rows).encode(*_grid(rows, table), tooltip=_sample_tooltip(table))
    cells = _cells(base, "datum.sampled_documents > 0", colour)
    # Light figures on the dark half of the scale.
    ink = alt.condition(
        f"datum.sampled_documents > {0.55 * most}", alt.value("white"), alt.value(theme.INK)
    )
    figures = (
        base.transform_filter("datum.sampled_documents > 0")
        .mark_text(fontSize=11)
        .encode(
            text=alt.Text("sampled_documents:Q", format="d" if most < 1000 else ".2~s"), color=ink
        )
    )
    return theme.framed(
        _sized(rows, *cells, _notes(base, [_EMPTY_NOTE]), figures),
        "How many documents stand behind each bin?",
        [*_sample_notes(table), *_left_out(rows, table)],
    )


def _influence_rows(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(
        labels.titled("topic"),
        labels.titled("format"),
        labels.interval("z_low", "z_high"),
        pl.col("z", "q_value", "top_share").round(4),
        pl.when(pl.col("z").is_null())
        .then(pl.lit(_EMPTY_NOTE))
        .when(pl.col("q_value") < theme.LEVEL)
        .then(pl.lit(theme.PASSES))
        .alias("note"),
    ).select(
        *("topic_title", "format_title", "n_documents", "z", "interval"),
        *("q_value", "top_share", "note"),
    )


def _sample_rows(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(
        labels.titled("topic"),
        labels.titled("format"),
        pl.when(pl.col("sampled_documents") == 0).then(pl.lit(_EMPTY_NOTE)).alias("note"),
    ).select(
        *("topic_title", "format_title", "population_documents"),
        *("sampled_documents", "stratum", "note"),
    )


def _cells(base: alt.Chart, is_filled: str, colour: alt.Color) -> tuple[alt.Chart, alt.Chart]:
    """Coloured cells where the expression holds, grey ones elsewhere."""
    cell = base.mark_rect(stroke="white", strokeWidth=0.5)
    return (
        cell.encode(color=colour).transform_filter(is_filled),
        cell.encode(color=alt.value(theme.EMPTY)).transform_filter(f"!({is_filled})"),
    )


def _shown(table: pl.DataFrame, documents: str) -> pl.DataFrame:
    """The rows of those labels that there is room for: the ones with most documents."""
    for axis in ("topic", "format"):
        sizes = table.group_by(axis).agg(pl.col(documents).sum())
        most = sizes.sort(documents, axis, descending=[True, False]).head(labels.MOST_LABELS)
        table = table.filter(pl.col(axis).is_in(most[axis].to_list()))
    return table


def _left_out(rows: pl.DataFrame, table: pl.DataFrame) -> list[str]:
    """A note on the labels that `_shown` leaves out."""
    sizes = [
        (axis, rows[f"{axis}_title"].n_unique(), table[axis].n_unique())
        for axis in ("topic", "format")
    ]
    return [
        f"Shown are the {shown} of {labels.count(there, labels.grouping(table, axis))} with most "
        "documents."
        for axis, shown, there in sizes
        if shown < there
    ]


def _sized(rows: pl.DataFrame, *layers: alt.Chart) -> alt.LayerChart | alt.FacetChart:
    width, height = rows["format_title"].n_unique(), rows["topic_title"].n_unique()
    return alt.layer(*layers).properties(width=_STEP * width, height=_STEP * height)


def _grid(rows: pl.DataFrame, table: pl.DataFrame) -> tuple[alt.X, alt.Y]:
    """The two axes: every topic and format in the order of the bins, documents or not."""
    topics = rows["topic_title"].unique(maintain_order=True).to_list()
    formats = rows["format_title"].unique(maintain_order=True).to_list()
    return (
        alt.X(
            "format_title:N",
            title=labels.grouping(table, "format") or None,
            scale=alt.Scale(domain=formats),
            axis=alt.Axis(labelAngle=-50, ticks=False, domain=False),
        ),
        alt.Y(
            "topic_title:N",
            title=labels.grouping(table, "topic"),
            scale=alt.Scale(domain=topics),
            axis=alt.Axis(ticks=False, domain=False),
        ),
    )


def _notes(base: alt.Chart, notes: list[str]) -> alt.Chart:
    """A mark on the cells that a note names, with the legend that explains it."""
    looks = [_LOOKS[note] for note in notes]
    legend = alt.Legend(title="mark", symbolSize=110, symbolStrokeWidth=1.2)

    def scaled(part: int) -> dict[str, Any]:
        """One part of the marks' looks; equal legends of all parts merge into one."""
        values = [look[part] for look in looks]
        return {"scale": alt.Scale(domain=notes, range=values), "legend": legend}

    return (
        base.mark_point(filled=True, strokeWidth=1.2)
        .encode(
            shape=alt.Shape("note:N", **scaled(0)),
            fill=alt.Fill("note:N", **scaled(1)),
            stroke=alt.Stroke("note:N", **scaled(2)),
            size=alt.condition(
                f"datum.note === '{_EMPTY_NOTE}'", alt.value(_SLASH_SIZE), alt.value(_DOT_SIZE)
            ),
        )
        .transform_filter("isValid(datum.note)")
    )


def _colour_limit(z: pl.Series) -> float:
    """The |z| at which colours saturate: a quantile, one decimal, never zero."""
    found = z.abs().quantile(CLIP_QUANTILE, interpolation="higher")
    return max(0.1, round(float(found or 0.0), 1))


def _influence_tooltip(table: pl.DataFrame) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("topic_title:N", title=labels.grouping(table, "topic")),
        alt.Tooltip("format_title:N", title=labels.grouping(table, "format") or "documents"),
        alt.Tooltip("n_documents:Q", title="documents", format=","),
        alt.Tooltip("z:Q", format="+.2f"),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("q_value:Q", title="q", format=".3f"),
        alt.Tooltip("top_share:Q", title="share of top documents", format=".2%"),
    ]


def _sample_tooltip(table: pl.DataFrame) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("topic_title:N", title=labels.grouping(table, "topic")),
        alt.Tooltip("format_title:N", title=labels.grouping(table, "format") or "documents"),
        alt.Tooltip("sampled_documents:Q", title="documents sampled", format=","),
        alt.Tooltip("population_documents:Q", title="documents in the corpus", format=","),
        alt.Tooltip("stratum:N"),
    ]


def _influence_counts(table: pl.DataFrame) -> str:
    filled = table.filter(pl.col("n_documents") > 0)
    return (
        f"{labels.name(table['method'][0])} scores of "
        f"{labels.count(int(filled['n_documents'].sum()), 'document')} in "
        f"{labels.count(filled.height, 'bin')} ({labels.count(table.height - filled.height, 'bin')}"
        " without documents). z: bin mean against all bins' means; orange supports."
    )


def _influence_notes(table: pl.DataFrame, limit: float) -> list[str]:
    beyond = int((table["z"].round(4).abs() > limit).sum())
    dots = f"Dot: {theme.PASSES} (two-way bootstrap, Benjamini-Hochberg over the bins)."
    return [
        labels.uncertainty(table["z_low"], dots),
        f"Colours saturate at |z| = {limit:g}, the {CLIP_QUANTILE:.0%} quantile "
        f"({labels.count(beyond, 'bin')} beyond); the HTML's tooltips give value, "
        "95 % interval and n.",
    ]


def _sample_notes(table: pl.DataFrame) -> list[str]:
    sampled, population = (
        int(table[column].sum()) for column in ("sampled_documents", "population_documents")
    )
    sizes = table["sampled_documents"]
    if table["population_documents"].null_count():
        return [
            f"{labels.count(sampled, 'document')} scored, at most {max(sizes.to_list()):,} a bin; "
            "how many the corpus has is not known.",
            f"{labels.count(int((sizes == 0).sum()), 'bin')} without documents.",
        ]
    empty, all_taken = (
        int((sizes == 0).sum()),
        table.filter(
            (pl.col("sampled_documents") > 0)
            & (pl.col("sampled_documents") == pl.col("population_documents"))
        ),
    )
    return [
        f"{sampled:,} of {labels.count(population, 'document')} sampled, at most "
        f"{labels.count(max(sizes.to_list()), 'document')} a bin.",
        f"{labels.count(empty, 'bin')} without documents; in "
        f"{labels.count(all_taken.height, 'bin')} every document there is was taken.",
    ]
