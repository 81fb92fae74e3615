"""Does influence say what leaving a region out does?"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.retraining import SUBSETS, measured

_SIDE = 230  # pixels of a panel
_COLUMNS = 3
_PLANTED, _OTHER = "facts of the benchmark planted here", "no facts planted"


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """A dot a region and benchmark: summed influence against true effect, a panel per method.

    Reads marts.influence_versus_effect of one model, unit and outcome joined to marts.benchmarks
    and to the grades of the same subsets: model, method, benchmark, domain, capability, unit,
    region, outcome, is_planted, n_left_out, influence_sum, effect, effect_low, effect_high,
    q_value, n_regions, n_repeats, lds, lds_low, lds_high, ceiling, n_subsets. Panels go
    from the best LDS down.
    """
    rows = _rows(table)
    panels = rows["panel"].unique(maintain_order=True).to_list()
    header = alt.Header(title=None, labelAnchor="start", labelExpr="split(datum.value, '; ')")
    chart = (
        _layers(rows, _colour(table))
        .properties(width=_SIDE, height=_SIDE)
        .facet(
            facet=alt.Facet("panel:N", sort=panels, header=header),
            columns=min(len(panels), _COLUMNS),
            spacing=36,
        )
        # Each method has a unit of its own; effects are the same nats.
        .resolve_scale(x="independent")
    )
    return theme.framed(chart, CHARTS["influence_versus_effect"], _notes(table))


def _rows(table: pl.DataFrame) -> pl.DataFrame:
    titles = labels.regions(table["region"].unique())
    grade = pl.concat_str(pl.lit("LDS "), labels.fixed("lds", 2))
    interval = pl.concat_str(pl.lit(" ("), labels.interval("lds_low", "lds_high"), pl.lit(")"))
    told = pl.coalesce(pl.concat_str(grade, interval), grade, pl.lit("LDS not known"))
    return table.sort("lds", descending=True, nulls_last=True, maintain_order=True).select(
        *("benchmark", "influence_sum", "effect", "effect_low", "effect_high", "q_value"),
        labels.interval("effect_low", "effect_high"),
        "n_left_out",
        region=pl.col("region").replace(titles),
        panel=pl.concat_str("method", pl.lit("; "), told),
        planted=pl.when("is_planted").then(pl.lit(_PLANTED)).otherwise(pl.lit(_OTHER)),
    )


def _layers(rows: pl.DataFrame, colour: alt.Color) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows)
    x: dict[str, Any] = {
        "title": "influence, summed over the region's documents",
        "axis": alt.Axis(tickCount=4, format="~s"),
    }
    y: dict[str, Any] = {"title": "what leaving it out takes away (nats)"}
    shapes = alt.Scale(domain=[_PLANTED, _OTHER], range=["diamond", "circle"])
    zero = base.mark_rule(color=theme.MUTED, strokeWidth=1)
    return alt.layer(
        zero.encode(x=alt.datum(0)),
        zero.encode(y=alt.datum(0)),
        base.mark_rule(opacity=0.25).encode(
            x=alt.X("influence_sum:Q", **x),
            y=alt.Y("effect_low:Q", **y),
            y2="effect_high:Q",
            color=colour,
        ),
        base.mark_point(size=58, strokeWidth=1.6, opacity=0.9).encode(
            x=alt.X("influence_sum:Q", **x),
            y=alt.Y("effect:Q", **y),
            color=colour,
            fill=_fill(colour),
            shape=alt.Shape("planted:N", scale=shapes, legend=None),
            tooltip=_tooltip(rows),
        ),
    )


def _fill(colour: alt.Color) -> alt.Fill:
    """Of planted regions; others are hollow."""
    hollow = {"test": f"datum.planted === '{_OTHER}'", "value": "white"}
    return alt.Fill("benchmark:N", scale=colour["scale"], legend=None, condition=[hollow])


def _tooltip(rows: pl.DataFrame) -> list[alt.Tooltip]:
    return theme.tooltips(
        rows,
        *(alt.Tooltip("region:N"), alt.Tooltip("benchmark:N")),
        alt.Tooltip("influence_sum:Q", title="influence", format="+.3~g"),
        alt.Tooltip("effect:Q", title="effect (nats)", format="+.2f"),
        alt.Tooltip("interval:N", title="95 % interval of the effect"),
        alt.Tooltip("q_value:Q", title="q that the effect is 0", format=".2~g"),
        alt.Tooltip("n_left_out:Q", title="documents left out", format=","),
    )


def _colour(table: pl.DataFrame) -> alt.Color:
    colours = theme.benchmark_colours(table)
    names = table["benchmark"].unique(maintain_order=True).to_list()
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    # Else as faint as the lines of the intervals.
    legend = alt.Legend(title=None, orient="top", symbolOpacity=1)
    return alt.Color("benchmark:N", scale=scale, legend=legend)


def _notes(table: pl.DataFrame) -> list[str]:
    first = table.row(0, named=True)
    subsets = SUBSETS["leave_out", first["unit"]].lower()
    lines = [
        f"{first['model']} trained again with {subsets}: {first['n_regions']} regions, a dot for "
        "each benchmark. Above 0 the region supports it.",
        measured(table),
        "LDS: mean over items of the rank correlation over "
        f"{first['n_subsets']} regions that no setting was tuned on; 95 % interval over regions.",
    ]
    if table["is_planted"].any():
        lines.append("Filled diamonds: facts of the benchmark are planted in the region.")
    if table["effect_low"].count():
        lines.append(
            "Lines: 95 % intervals of effects over chance of training "
            f"({first['n_repeats']} degrees of freedom) and sources of items."
        )
    if table["ceiling"].count():
        ceiling = table.select(pl.max("ceiling")).item()
        lines.append(f"True effects would have an LDS of {ceiling:.2f}.")
    return lines


CHART = Chart(
    sql="""
    select e.model, e.method, e.benchmark, coalesce(b.domain, 'not told') as domain,
        coalesce(b.capability, 'not told') as capability, e.unit, e.region, e.outcome,
        e.is_planted, e.n_left_out, e.influence_sum, e.effect, e.effect_low, e.effect_high,
        e.q_value, e.n_regions, r.n_repeats, q.lds, q.lds_low, q.lds_high, q.ceiling,
        q.n_subsets
    from marts.influence_versus_effect as e
    join marts.region_effects as r using (study, model, benchmark, unit, region, outcome)
    join marts.benchmarks as b using (study, model, benchmark)
    join marts.methods as m using (study, model, method)
    left join marts.method_quality as q
        on e.model = q.model and e.method = q.method and e.unit = q.unit
        and e.outcome = q.outcome and q.design = 'leave_out' and q.benchmark = 'all'
    order by e.model, e.unit, e.outcome desc, m.position, b.position, e.region
    """,
    draw=draw,
    page="retraining",
    place=1,
    facets=("model", "unit", "outcome"),
    is_optional=True,
)
