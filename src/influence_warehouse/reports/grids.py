"""Topics as rows and formats as columns: what the charts of the grid of bins share."""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme

_STEP = 25  # pixels a cell: room for a 12 px label on each row
EMPTY_NOTE, UNKNOWN_NOTE = theme.NO_DOCUMENTS, theme.NOT_KNOWN
_DOT_SIZE, _SLASH_SIZE = 48, 320  # square pixels
# Shape, fill and stroke of a mark. The white rim shows the dot on dark cells; the SVG paths are
# the diagonals that hatch a bin without documents, and cross one whose value is not known.
_LOOKS = {
    theme.PASSES: ("circle", theme.INK, "white"),
    EMPTY_NOTE: ("M-1,1L1,-1", "transparent", "#8c8c8c"),
    UNKNOWN_NOTE: ("M-1,1L1,-1M-1,-1L1,1", "transparent", "#8c8c8c"),
}


def cells(base: alt.Chart, is_filled: str, colour: alt.Color) -> tuple[alt.Chart, alt.Chart]:
    """Coloured cells where the expression holds, grey ones elsewhere."""
    cell = base.mark_rect(stroke="white", strokeWidth=0.5)
    return (
        cell.encode(color=colour).transform_filter(is_filled),
        cell.encode(color=alt.value(theme.EMPTY)).transform_filter(f"!({is_filled})"),
    )


def shown_rows(table: pl.DataFrame, documents: str) -> pl.DataFrame:
    """The rows of those labels that there is room for: the ones with most documents."""
    for axis in ("topic", "format"):
        sizes = table.group_by(axis).agg(pl.col(documents).sum())
        most = sizes.sort(documents, axis, descending=[True, False]).head(labels.MOST_LABELS)
        table = table.filter(pl.col(axis).is_in(most[axis].to_list()))
    return table


def left_out(rows: pl.DataFrame, table: pl.DataFrame) -> list[str]:
    """A note on the labels that `shown_rows` leaves out."""
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


def sized(rows: pl.DataFrame, *layers: alt.Chart) -> alt.LayerChart | alt.FacetChart:
    """The layers on one grid, a square a cell."""
    width, height = rows["format_title"].n_unique(), rows["topic_title"].n_unique()
    return alt.layer(*layers).properties(width=_STEP * width, height=_STEP * height)


def axes_of(rows: pl.DataFrame, table: pl.DataFrame) -> tuple[alt.X, alt.Y]:
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


def noted(base: alt.Chart, notes: list[str]) -> alt.Chart:
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
                f"datum.note === '{theme.PASSES}'", alt.value(_DOT_SIZE), alt.value(_SLASH_SIZE)
            ),
        )
        .transform_filter("isValid(datum.note)")
    )
