"""Is forgetting a region a stand-in for never having seen it?"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.unlearning import CONDITIONS, header, region_title, source

_SIDE = 260  # pixels of a panel
_TARGET, _OTHER = "the benchmark that the region was chosen for", "another benchmark"


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """A dot a region and evaluated benchmark: margin lost by training without the region against
    margin lost by forgetting from it, a panel per condition.

    Reads marts.unlearning_versus_retraining of one method and objective joined to
    marts.benchmarks: model, method, objective, benchmark, condition, region, evaluated_benchmark,
    domain, capability (of the evaluated benchmark), is_target, n_sets, damage, damage_low,
    damage_high, effect, effect_low, effect_high, n_pairs, n_regions, spearman.
    """
    rows = _rows(table)
    panels = rows["panel"].unique(maintain_order=True).to_list()
    chart = (
        _layers(rows, _colour(table))
        .properties(width=_SIDE, height=_SIDE)
        .facet(
            facet=alt.Facet("panel:N", sort=panels, header=header("split(datum.value, '; ')")),
            columns=len(panels),
            spacing=36,
        )
    )
    return theme.framed(chart, CHARTS["retraining_versus_unlearning"], _notes(table))


def _rows(table: pl.DataFrame) -> pl.DataFrame:
    spearman = labels.fixed("spearman", 2)
    told = pl.coalesce(
        pl.concat_str(pl.lit("Spearman "), spearman, pl.lit(" over "), "n_pairs", pl.lit(" pairs")),
        pl.lit("too few or equal pairs for a correlation"),
    )
    return table.with_columns(
        labels.interval("damage_low", "damage_high", to="damage_interval"),
        labels.interval("effect_low", "effect_high", to="effect_interval"),
        region_title(table["region"]),
        panel=pl.concat_str(pl.col("condition").replace(CONDITIONS), pl.lit("; "), told),
        target=pl.when("is_target").then(pl.lit(_TARGET)).otherwise(pl.lit(_OTHER)),
    ).drop("model", "method", "objective", "domain", "capability", "condition", "region")


def _layers(rows: pl.DataFrame, colour: alt.Color) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows)
    x: dict[str, Any] = {"title": "margin lost by training without the region (nats)"}
    y: dict[str, Any] = {"title": "margin lost by forgetting from it (nats)"}
    zero = base.mark_rule(color=theme.MUTED, strokeWidth=1)
    shapes = alt.Scale(domain=[_TARGET, _OTHER], range=["diamond", "circle"])
    hollow = {"test": f"datum.target === '{_OTHER}'", "value": "white"}
    return alt.layer(
        zero.encode(x=alt.datum(0)),
        zero.encode(y=alt.datum(0)),
        base.transform_filter("isValid(datum.damage_low)")
        .mark_rule(opacity=0.25)
        .encode(
            x=alt.X("effect:Q", **x),
            y=alt.Y("damage_low:Q", **y),
            y2="damage_high:Q",
            color=colour,
        ),
        base.mark_point(size=58, strokeWidth=1.6, opacity=0.9).encode(
            x=alt.X("effect:Q", **x),
            y=alt.Y("damage:Q", **y),
            color=colour,
            fill=alt.Fill(
                "evaluated_benchmark:N", scale=colour["scale"], legend=None, condition=[hollow]
            ),
            shape=alt.Shape("target:N", scale=shapes, legend=None),
            tooltip=_tooltip(rows),
        ),
    )


def _tooltip(rows: pl.DataFrame) -> list[alt.Tooltip]:
    return theme.tooltips(
        rows,
        alt.Tooltip("region_title:N", title="region"),
        alt.Tooltip("benchmark:N", title="chosen for"),
        alt.Tooltip("evaluated_benchmark:N", title="asked"),
        alt.Tooltip("damage:Q", title="lost by forgetting", format="+.2f"),
        alt.Tooltip("damage_interval:N", title="95 % interval over forget sets"),
        alt.Tooltip("effect:Q", title="lost without it", format="+.2f"),
        alt.Tooltip("effect_interval:N", title="95 % interval over trainings and items"),
        alt.Tooltip("n_sets:Q", title="forget sets"),
    )


def _colour(table: pl.DataFrame) -> alt.Color:
    asked = table.select("domain", "capability", benchmark="evaluated_benchmark")
    colours = theme.benchmark_colours(asked)
    names = asked["benchmark"].unique(maintain_order=True).to_list()
    scale = alt.Scale(domain=names, range=[colours[name] for name in names])
    # Else as faint as the lines of the intervals.
    legend = alt.Legend(title=None, orient="top", symbolOpacity=1)
    return alt.Color("evaluated_benchmark:N", scale=scale, legend=legend)


def _notes(table: pl.DataFrame) -> list[str]:
    n_regions = labels.count(int(table["n_regions"].to_list()[0]), "region")
    return [
        f"{source(table)}. {n_regions} that were forgotten from, and left out of training; each "
        "with every benchmark.",
        "Forgotten is a set of the region's documents, left out are all of them: ranks are "
        "compared, not nats.",
        "Filled diamonds: the benchmark that the region was chosen for. Lines: 95 % intervals of "
        "what was forgotten, over forget sets.",
    ]


CHART = Chart(
    sql="""
    select v.model, v.method, v.objective, v.benchmark, v.condition, v.region,
        v.evaluated_benchmark, coalesce(b.domain, 'not told') as domain,
        coalesce(b.capability, 'not told') as capability, v.is_target, v.n_sets, v.damage,
        v.damage_low, v.damage_high, v.effect, v.effect_low, v.effect_high, v.n_pairs,
        v.n_regions, v.spearman
    from marts.unlearning_versus_retraining as v
    join marts.benchmarks as b
        on v.model = b.model and v.evaluated_benchmark = b.benchmark
    order by v.model, v.method, v.objective, v.condition, b.position, v.benchmark, v.region
    """,
    draw=draw,
    page="retraining",
    place=2,
    facets=("model", "method", "objective"),
    is_optional=True,
)
