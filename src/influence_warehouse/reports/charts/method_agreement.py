"""Do the methods agree on what supports a benchmark?"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS

_ROW = 13  # pixels a benchmark of a pair
_WIDTH = 190  # pixels a panel
_SHARED = "Strongest documents"
_SOURCES = ("n_shared_items", "n_clusters")


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """Spearman of each pair of methods over topics, formats, bins and documents, and the share of
    each item's strongest documents that they have in common: a dot a benchmark.

    Reads marts.method_agreement for one model joined to marts.benchmarks: model, benchmark,
    domain, capability, level, method_a, method_b, n_regions, n_shared_items, n_clusters, unit,
    spearman, spearman_low, spearman_high, n_strongest, overlap, overlap_low, overlap_high,
    overlap_by_chance. Pairs follow the rows' order.
    """
    rows, panels = _rows(table)
    pairs = rows["pair"].unique(maintain_order=True).to_list()
    n_benchmarks = table["benchmark"].n_unique()
    chart = (
        _layers(rows, pairs, _colour(table), table["benchmark"].unique(maintain_order=True))
        .properties(width=_WIDTH, height=len(pairs) * (_ROW * n_benchmarks + 8))
        .facet(
            facet=alt.Facet(
                "panel:N", sort=panels, header=alt.Header(title=None, labelAnchor="start")
            ),
            columns=len(panels),
            spacing=28,
        )
    )
    return theme.framed(chart, CHARTS["method_agreement"], _subtitle(table))


def _subtitle(table: pl.DataFrame) -> list[str]:
    noun = labels.grouping(table, "topic") or "topic"
    lines = [
        f"Dot: Spearman's correlation of two methods' support by {noun} and the like, and of the "
        "mean scores of documents; 1 is the same order, 0 none in common.",
        "Lines: 95 % intervals over sources of items and documents, the same draws for both "
        "methods; of documents over documents alone.",
    ]
    if table["n_strongest"].count():
        strongest = int(table["n_strongest"].max() or 0)  # type: ignore[arg-type]
        lines.append(
            f"{_SHARED}: share of each item's {strongest} strongest that both methods name; lines "
            "over sources of items. Bar: what chance gives."
        )
    return [*lines, _sizes(table), "Agreement is no proof: methods may be wrong alike."]


def _sizes(table: pl.DataFrame) -> str:
    """How many regions, documents and items are compared, the most where benchmarks differ."""
    counts = dict(table.group_by("level").agg(pl.col("n_regions").max()).iter_rows())
    told = []
    for level in ("topic", "format", "bin", "document"):
        noun = labels.grouping(table, level) or level
        if level in counts:
            told.append(labels.count(counts[level], noun))
    items, sources = (table[name].drop_nulls().to_list() for name in _SOURCES)
    if items:
        told.append(f"{labels.count(max(items), 'item')} of {max(sources):,} sources")
    return f"Compared: {', '.join(told)}."


def _rows(table: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """A row a dot, with its panel; and the panels in their order."""
    called = {side: labels.grouping(table, side) or side for side in ("topic", "format", "bin")}
    titles = {level: labels.capital(labels.plural(noun)) for level, noun in called.items()}
    titles["document"] = "All documents"
    pair = pl.concat_str("method_a", pl.lit(" \N{MULTIPLICATION SIGN} "), "method_b")
    kept = ["benchmark", "level", "n_regions", "unit"]
    orders = table.select(
        *kept, pair=pair, value="spearman", low="spearman_low", high="spearman_high",
        chance=pl.lit(None, pl.Float64), panel=pl.col("level").replace(titles),
    )  # fmt: skip
    shares = table.filter(pl.col("overlap").is_not_null()).select(
        *kept, pair=pair, value="overlap", low="overlap_low", high="overlap_high",
        chance="overlap_by_chance", panel=pl.lit(_SHARED),
    )  # fmt: skip
    rows = pl.concat([orders, shares]).with_columns(labels.interval("low", "high"))
    shown = rows.filter(pl.col("value").is_not_null())["panel"]
    return rows, [title for title in (*titles.values(), _SHARED) if title in set(shown)]


def _layers(
    rows: pl.DataFrame, pairs: list[str], colour: alt.Color, benchmarks: pl.Series
) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows).encode(
        y=alt.Y("pair:N", sort=pairs, title=None, axis=alt.Axis(ticks=False, grid=True)),
        yOffset=alt.YOffset("benchmark:N", sort=benchmarks.to_list()),
        tooltip=theme.tooltips(
            rows,
            *(alt.Tooltip("pair:N"), alt.Tooltip("benchmark:N")),
            alt.Tooltip("panel:N", title="over"),
            alt.Tooltip("value:Q", format="+.2f"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("chance:Q", title="by chance", format=".4f"),
            alt.Tooltip("n_regions:Q", title="compared", format=","),
            alt.Tooltip("unit:N", title="intervals over"),
        ),
    )
    x: dict[str, Any] = {
        "title": "correlation, or share",
        "scale": alt.Scale(domain=[-1, 1]),
        "axis": alt.Axis(values=[-1, -0.5, 0, 0.5, 1], grid=False),
    }
    zero = alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=alt.datum(0))
    return alt.layer(
        zero,
        base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", **x), x2="high:Q", color=colour),
        base.mark_tick(color=theme.MUTED, thickness=2, size=10).encode(x=alt.X("chance:Q", **x)),
        base.mark_point(filled=True, size=46, opacity=1).encode(
            x=alt.X("value:Q", **x), color=colour
        ),
    )


def _colour(table: pl.DataFrame) -> alt.Color:
    colours = theme.benchmark_colours(table)
    names = table["benchmark"].unique(maintain_order=True).to_list()
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    return alt.Color("benchmark:N", scale=scale, legend=alt.Legend(title=None, orient="top"))


CHART = Chart(
    sql="""
    select a.model, a.benchmark, coalesce(b.domain, 'not told') as domain,
        coalesce(b.capability, 'not told') as capability, a.level, a.method_a, a.method_b,
        a.n_regions, a.n_shared_items, a.n_clusters, a.unit, a.spearman, a.spearman_low,
        a.spearman_high, a.n_strongest, a.overlap, a.overlap_low, a.overlap_high,
        a.overlap_by_chance
    from marts.method_agreement as a
    join marts.benchmarks as b using (study, model, benchmark)
    join marts.methods as f on a.model = f.model and a.method_a = f.method
    join marts.methods as s on a.model = s.model and a.method_b = s.method
    order by a.model, f.position, s.position, b.position, a.level
    """,
    draw=draw,
    page="methods",
    place=1,
    facets=("model",),
    is_optional=True,
)
