"""How every chart looks: fonts, sizes, colours and the frame of title and subtitle.

Belongs here: what all charts share, stated once. Does not belong here: what a chart shows
(heatmaps, profiles, contrasts, overview) and where it is saved (gallery).
"""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt
import polars as pl

# Arial's metrics everywhere: the renderer of PNG and SVG finds Liberation Sans, browsers Arial.
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"

INK = "#222222"
MUTED = "#5f6368"
GRID = "#e6e6e6"
EMPTY = "#dcdcdc"

# Light in the middle, blue below and orange above: told apart by every common colour vision.
DIVERGING: Final = "blueorange"
SEQUENTIAL: Final = "teals"
SUPPORTS, OPPOSES = "#b35806", "#2166ac"

LEVEL = 0.05
"""False discovery rate below which a value is marked as significant."""

PASSES, FAILS = f"q < {LEVEL}", f"q \N{GREATER-THAN OR EQUAL TO} {LEVEL}"
UNTESTED = "q not known"
NO_DOCUMENTS, NOT_KNOWN = "no documents", "not known"

# A hue per domain, a shade per capability (dark first). Orange against blue is safe for
# colour-blind readers; the 2x2 that the studies are made for takes these two.
_DOMAIN_SHADES = {
    "social": ("#b5460f", "#ec9a3c", "#d2722a"),
    "stem": ("#1f5a94", "#6aaed6", "#4483b5"),
}
_MORE_SHADES = (
    ("#1b7a5a", "#6cc5a4", "#45a081"),
    ("#8e3a80", "#d48ec6", "#b164a3"),
    ("#4d4d4d", "#a6a6a6", "#7a7a7a"),
)

_CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": "white",
    "padding": 16,
    "view": {"stroke": None},
    "title": {
        "anchor": "start",
        "fontSize": 18,
        "fontWeight": "bold",
        "color": INK,
        "subtitleFontSize": 13,
        "subtitleColor": MUTED,
        "subtitlePadding": 6,
        "subtitleLineHeight": 17,
        "offset": 14,
    },
    "axis": {
        "labelFontSize": 12,
        "labelColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titleColor": MUTED,
        "gridColor": GRID,
        "domainColor": GRID,
        "tickColor": GRID,
        "labelLimit": 240,
    },
    # Labels at the ends of a scale stay under their ticks, so that they never collide.
    "axisQuantitative": {"labelFlush": False, "labelOverlap": True},
    "header": {
        "labelFontSize": 14,
        "labelFontWeight": "bold",
        "labelColor": INK,
        "title": None,
    },
    "legend": {
        "labelFontSize": 12,
        "labelColor": INK,
        "labelLimit": 260,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titleColor": MUTED,
        "titleLimit": 260,
    },
}


def framed(chart: Any, question: str, subtitle: Sequence[str]) -> Any:
    """The chart under its question and the lines that say n, method and interval."""
    title = alt.Title(question, subtitle=list(subtitle), frame="group")
    return chart.properties(title=title).configure(**_CONFIG)


def benchmark_colours(benchmarks: pl.DataFrame) -> dict[str, str]:
    """Colour of each benchmark: hue by domain, shade by capability.

    Reads columns benchmark, domain, capability (repeated rows are fine). Two benchmarks of
    one domain and capability share a colour; charts tell them apart by panel or row.
    """
    rows = benchmarks.select("benchmark", "domain", "capability").unique().sort("benchmark")
    others = [d for d in sorted(set(rows["domain"])) if d not in _DOMAIN_SHADES]
    more = {domain: _MORE_SHADES[n % len(_MORE_SHADES)] for n, domain in enumerate(others)}
    # Reasoning is dark in every study; further capabilities follow in alphabetical order.
    capabilities = sorted(set(rows["capability"]), key=lambda name: (name != "reasoning", name))
    if capabilities == ["knowledge"]:
        capabilities = ["reasoning", "knowledge"]
    colours = {}
    for benchmark, domain, capability in rows.iter_rows():
        shades = (_DOMAIN_SHADES | more)[domain]
        colours[benchmark] = shades[capabilities.index(capability) % len(shades)]
    return colours


def significance(q_value: str) -> pl.Expr:
    """Whether a q-value passes LEVEL, as the text that the legend of points shows."""
    q = pl.col(q_value)
    return (
        pl.when(q.is_null())
        .then(pl.lit(UNTESTED))
        .when(q < LEVEL)
        .then(pl.lit(PASSES))
        .otherwise(pl.lit(FAILS))
    )


def significance_points(base: alt.Chart) -> alt.Chart:
    """Points of `base` by its column `mark`: filled where significant, grey where that is not
    known, hollow elsewhere."""
    fill = base.encoding.color.copy()
    fill.condition = [
        {"test": f"datum.mark === '{mark}'", "value": colour}
        for mark, colour in ((FAILS, "white"), (UNTESTED, EMPTY))
    ]
    return base.mark_point(size=58, strokeWidth=1.8, opacity=1).encode(fill=fill)


def absence(value: str) -> pl.Expr:
    """Why a region has no value, as `absences` writes it; null where it has one."""
    why = (
        pl.when(pl.col("n_documents") == 0).then(pl.lit(NO_DOCUMENTS)).otherwise(pl.lit(NOT_KNOWN))
    )
    return pl.when(pl.col(value).is_null()).then(why)


def absences(base: alt.Chart, beside: Any = None) -> alt.Chart:
    """The words of the column `absence` beside a column, or else 0."""
    note = base.mark_text(align="left", dx=5, fontSize=11, color=MUTED)
    # The colour of `base` is a benchmark's; a note has none.
    return note.transform_filter("isValid(datum.absence)").encode(
        text="absence:N", x=beside or alt.datum(0), color=alt.value(MUTED)
    )


def tooltips(rows: pl.DataFrame, *told: alt.Tooltip) -> list[alt.Tooltip]:
    """Those whose column holds something: a null would read as a value."""

    def column(tooltip: alt.Tooltip) -> str:
        return str(tooltip["shorthand"]).partition(":")[0]

    return [tooltip for tooltip in told if rows[column(tooltip)].count()]
