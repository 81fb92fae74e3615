"""How much more than at random, benchmark by benchmark?"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.unlearning import (
    AXIS,
    CONDITIONS,
    LOST,
    MEASURED,
    NUMBER,
    header,
    source,
)

_ALL = "All benchmarks"
_ROW, _WIDTH = 30, 300  # pixels a benchmark and a comparison


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """Difference of damage per benchmark and over all, a panel per comparison.

    Reads the rows of marts.unlearning_tests over regions and forget sets for one method, objective
    and measure, joined to marts.benchmarks and to the test over regions of the same cell: method,
    objective, measure, benchmark (or `all`), domain, capability, condition_a, condition_b,
    n_regions, n_sets_a, n_sets_b, difference, difference_low, difference_high, p_value, q_value,
    p_value_of_regions. Benchmarks and comparisons follow the rows' order.
    """
    single = table.filter(pl.col("benchmark") != "all")
    benchmarks = single["benchmark"].unique(maintain_order=True).to_list()
    # Over one benchmark, `all` says the same again.
    table = single if len(benchmarks) == 1 else table
    rows = _difference_rows(table)
    comparisons = rows["comparison"].unique(maintain_order=True).to_list()
    order = list(benchmarks)
    if table.height > single.height:
        order += [" ", _ALL] if order else [_ALL]  # an empty row sets it apart
    colours = theme.benchmark_colours(single)
    scale = alt.Scale(
        domain=[*benchmarks, _ALL],
        range=[*(colours[slug] for slug in benchmarks), theme.INK],
    )
    colour = alt.Color("label:N", scale=scale, legend=None)
    head = header("split(datum.value, ', ')")
    chart = (
        _difference_layers(rows, order, colour)
        .properties(width=_WIDTH, height=_ROW * max(2, len(order)))
        .facet(
            facet=alt.Facet("comparison:N", sort=comparisons, header=head),
            columns=len(comparisons),
            spacing=32,
        )
    )
    return theme.framed(chart, CHARTS["unlearning_differences"], _difference_notes(table))


def _difference_notes(table: pl.DataFrame) -> list[str]:
    return [
        f"{source(table)}. Mean over regions; above 0: ranked first hurt more.",
        f"Filled: q < {theme.LEVEL} (one-sided Student's t; Benjamini-Hochberg over the "
        "benchmarks and their mean).",
        "Bars: 95 % intervals over forget sets, one ranked first in a region against random ones.",
        MEASURED[table["measure"][0]],
    ]


def _difference_rows(table: pl.DataFrame) -> pl.DataFrame:
    ends = [
        float(value)
        for column in table.select("difference", "difference_low", "difference_high")
        for value in column.drop_nulls()
    ]
    # Words go to the side of the point where the panel has room.
    low, high = min(0.0, *ends), max(0.0, *ends)
    first, second = (
        pl.col(column).replace({slug: name.replace(",", "") for slug, name in CONDITIONS.items()})
        for column in ("condition_a", "condition_b")
    )
    return table.with_columns(
        labels.interval("difference_low", "difference_high", digits=3),
        label=pl.col("benchmark").replace({"all": _ALL}),
        comparison=pl.concat_str(first, pl.lit(", \N{MINUS SIGN} "), second.str.to_lowercase()),
        sets=pl.format("{} / {}", "n_sets_a", "n_sets_b"),
        mark=theme.significance("q_value"),
        note=pl.when(pl.col("difference_low").is_null()).then(pl.lit("no interval")),
        is_right=pl.col("difference") > low + 0.55 * (high - low),
    ).drop("model", "method", "objective", "benchmark", "domain", "capability")


def _difference_layers(
    rows: pl.DataFrame, order: list[str], colour: alt.Color
) -> alt.LayerChart | alt.FacetChart:
    measure = rows["measure"][0]
    axis = alt.Axis(ticks=False, grid=True, values=[name for name in order if name.strip()])
    base = alt.Chart(rows).encode(
        y=alt.Y("label:N", scale=alt.Scale(domain=order), title=None, axis=axis),
        color=colour,
        tooltip=_difference_tooltip(NUMBER[measure]),
    )
    x: dict[str, Any] = {
        "title": f"difference of {LOST[measure]}",
        "scale": alt.Scale(padding=10),
        "axis": alt.Axis(tickCount=6, grid=False, format=AXIS[measure]),
    }
    bars = base.mark_rule(strokeWidth=2).transform_filter("isValid(datum.difference_low)")
    points = base.encode(x=alt.X("difference:Q", **x))
    return alt.layer(
        alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=alt.datum(0)),
        bars.encode(x=alt.X("difference_low:Q", **x), x2="difference_high:Q"),
        *_notes(points),
        theme.significance_points(points),
    )


def _difference_tooltip(number: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="benchmark"),
        alt.Tooltip("comparison:N"),
        alt.Tooltip("difference:Q", format=number),
        alt.Tooltip("interval:N", title="95 % interval over forget sets"),
        alt.Tooltip("n_regions:Q", title="regions"),
        alt.Tooltip("sets:N", title="forget sets, ranked first / random"),
        alt.Tooltip("p_value:Q", title="p over forget sets", format=".2~g"),
        alt.Tooltip("q_value:Q", title="q over forget sets", format=".2~g"),
        alt.Tooltip("p_value_of_regions:Q", title="p over regions", format=".2~g"),
    ]


def _notes(points: alt.Chart) -> list[alt.Chart]:
    """Words beside a point that has no interval, rimmed in white against the grid."""
    layers = []
    for align, dx, side in (("right", -9, "datum.is_right"), ("left", 9, "!datum.is_right")):
        where = points.transform_filter(f"isValid(datum.note) && {side}").encode(text="note:N")
        look: dict[str, Any] = {"align": align, "dx": dx, "fontSize": 11}
        layers += [
            where.mark_text(stroke="white", strokeWidth=4, **look).encode(color=alt.value("white")),
            where.mark_text(**look).encode(color=alt.value(theme.MUTED)),
        ]
    return layers


CHART = Chart(
    sql="""
    select s.model, s.method, s.objective, s.measure, s.benchmark, b.domain, b.capability,
        s.condition_a, s.condition_b, s.n_regions, s.n_sets_a, s.n_sets_b,
        s.difference, s.difference_low, s.difference_high,
        s.p_value, s.q_value, r.p_value as p_value_of_regions
    from marts.unlearning_tests as s
    left join marts.unlearning_tests as r
        on r.unit = 'region' and r.study = s.study and r.model = s.model and r.method = s.method
        and r.objective = s.objective and r.measure = s.measure
        and r.benchmark = s.benchmark and r.region = s.region
        and r.condition_a = s.condition_a and r.condition_b = s.condition_b
    left join marts.benchmarks as b
        on s.study = b.study and s.model = b.model and s.benchmark = b.benchmark
    where s.unit = 'set' and s.region = 'all'
    order by s.model, s.method, s.objective, s.measure, s.condition_a desc, s.condition_b desc,
        b.position nulls last
    """,
    draw=draw,
    page="unlearning",
    place=2,
    facets=("model", "method", "objective", "measure"),
    is_optional=True,
)
