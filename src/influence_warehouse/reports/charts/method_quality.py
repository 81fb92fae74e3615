"""Which method predicts retraining?"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.retraining import SUBSETS, measured

_ROW = 30  # pixels a method
_WIDTH = 250  # pixels a panel
_ALL = "all benchmarks"


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """The LDS of each method with its interval, a panel per kind of subset, beside the ceiling.

    Reads marts.method_quality of one model and outcome, joined to marts.benchmarks: model, method,
    benchmark (or `all`), domain, capability, design, unit, outcome, n_subsets, n_methods, lds,
    lds_low, lds_high, ceiling, truth_reliability, best_rank, worst_rank, tuning_lds,
    n_tuning_subsets. Methods go from the best LDS of all benchmarks down.
    """
    rows = _rows(table)
    panels = [title for title in SUBSETS.values() if title in set(rows["panel"])]
    chart = (
        _layers(rows, _methods(table), _colour(table))
        .properties(width=_WIDTH, height=_ROW * rows["method"].n_unique())
        .facet(
            facet=alt.Facet(
                "panel:N", sort=panels, header=alt.Header(title=None, labelAnchor="start")
            ),
            columns=min(len(panels), 3),
            spacing=32,
        )
    )
    return theme.framed(chart, CHARTS["method_quality"], _notes(table))


def _methods(table: pl.DataFrame) -> list[str]:
    """Methods by their mean LDS over the kinds of subsets."""
    own = table.filter(benchmark="all").group_by("method", maintain_order=True)
    means = own.agg(pl.col("lds").mean())
    return means.sort("lds", descending=True, nulls_last=True)["method"].to_list()


def _rows(table: pl.DataFrame) -> pl.DataFrame:
    places = pl.concat_str("best_rank", pl.lit(" to "), "worst_rank", pl.lit(" of "), "n_methods")
    titles = [SUBSETS[pair] for pair in table.select("design", "unit").iter_rows()]
    return table.with_columns(
        labels.interval("lds_low", "lds_high"),
        panel=pl.Series(titles, dtype=pl.String),
        label=pl.col("benchmark").replace({"all": _ALL}),
        is_all=pl.col("benchmark") == "all",
        places=places,
    ).drop("model", "design", "unit", "domain", "capability", "outcome", "benchmark")


def _layers(
    rows: pl.DataFrame, methods: list[str], colour: alt.Color
) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows).encode(
        y=alt.Y("method:N", sort=methods, title=None, axis=alt.Axis(ticks=False, grid=True))
    )
    pooled, single = (base.transform_filter(test) for test in ("datum.is_all", "!datum.is_all"))
    x: dict[str, Any] = {
        "title": "linear datamodeling score",
        "scale": alt.Scale(domain=_domain(rows)),
        "axis": alt.Axis(tickCount=6, grid=False, format="~g"),
    }
    return alt.layer(
        alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=alt.datum(0)),
        single.mark_point(filled=True, size=30, opacity=0.75).encode(
            x=alt.X("lds:Q", **x), color=colour, tooltip=_tooltip(rows)
        ),
        pooled.transform_filter("isValid(datum.lds_low)")
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("lds_low:Q", **x), x2="lds_high:Q", color=colour),
        pooled.transform_filter("isValid(datum.ceiling)")
        .mark_tick(color=theme.OPPOSES, thickness=2, size=_ROW - 6)
        .encode(x=alt.X("ceiling:Q", **x)),
        pooled.mark_point(filled=True, size=70, opacity=1).encode(
            x=alt.X("lds:Q", **x), color=colour, tooltip=_tooltip(rows)
        ),
    )


def _domain(rows: pl.DataFrame) -> list[float]:
    """From the lowest value to 1: what is below 0 has no room of its own where nothing is."""
    values = rows.select(pl.min_horizontal("lds", "lds_low")).to_series().drop_nulls().to_list()
    return [min([-0.1, *values]), 1.0]


def _tooltip(rows: pl.DataFrame) -> list[alt.Tooltip]:
    return theme.tooltips(
        rows,
        *(alt.Tooltip("method:N"), alt.Tooltip("label:N", title="benchmark")),
        alt.Tooltip("lds:Q", title="LDS", format="+.2f"),
        alt.Tooltip("interval:N", title="95 % interval over subsets"),
        alt.Tooltip("places:N", title="place"),
        alt.Tooltip("ceiling:Q", title="of true effects", format=".2f"),
        alt.Tooltip("truth_reliability:Q", title="reliability of the truth", format=".2f"),
        alt.Tooltip("n_subsets:Q", title="subsets"),
        alt.Tooltip("tuning_lds:Q", title="LDS on subsets for tuning", format="+.2f"),
        alt.Tooltip("n_tuning_subsets:Q", title="subsets for tuning"),
    )


def _colour(table: pl.DataFrame) -> alt.Color:
    single = table.filter(pl.col("benchmark") != "all")
    colours = theme.benchmark_colours(single)
    names = single["benchmark"].unique(maintain_order=True).to_list()
    scale = alt.Scale(domain=[_ALL, *names], range=[theme.INK, *(colours[n] for n in names)])
    return alt.Color("label:N", scale=scale, legend=alt.Legend(title=None, orient="top"))


def _notes(table: pl.DataFrame) -> list[str]:
    sizes = table.select("design", "unit", "n_subsets").unique(maintain_order=True)
    counts = [f"{n} ({SUBSETS[design, unit].lower()})" for design, unit, n in sizes.iter_rows()]
    lines = [
        f"{table['model'][0]}. LDS: mean over items of the rank correlation, over subsets, of",
        "the influence summed over what is kept and the outcome of training on it.",
        f"Subsets that no setting was tuned on: {', '.join(counts)}.",
        "Line: 95 % interval over subsets like these, of all benchmarks.",
        measured(table),
    ]
    if table["ceiling"].count():
        lines.append("Blue mark: what true effects would have, for training varies by chance.")
    return lines


CHART = Chart(
    sql="""
    select q.model, q.method, q.benchmark, coalesce(b.domain, 'not told') as domain,
        coalesce(b.capability, 'not told') as capability, q.design, q.unit, q.outcome,
        q.n_subsets, q.n_methods, q.lds, q.lds_low, q.lds_high, q.ceiling, q.truth_reliability,
        q.best_rank, q.worst_rank, q.tuning_lds, q.n_tuning_subsets
    from marts.method_quality as q
    join marts.methods as m using (study, model, method)
    left join marts.benchmarks as b using (study, model, benchmark)
    where q.lds is not null
    order by q.model, q.outcome desc, q.design, q.unit, m.position, b.position nulls first
    """,
    draw=draw,
    page="retraining",
    place=0,
    facets=("model", "outcome"),
    is_optional=True,
)
