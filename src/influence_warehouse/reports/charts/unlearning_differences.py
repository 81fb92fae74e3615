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
    """Median paired difference of damage per benchmark and over all, a panel per comparison.

    Reads the signed-rank rows of marts.unlearning_tests for one method, objective and measure
    (over pairs; over items where the control is drawn from anywhere), joined to
    marts.benchmarks and to the t-test of the same cell: method, objective, measure, benchmark
    (or `all`), domain, capability, condition_a, condition_b, n_cells, n_regions,
    n_positive, n_negative, n_zero, median_difference, median_low, median_high, p_value,
    q_value, cohens_dz, p_value_of_t. Benchmarks and comparisons follow the rows' order.
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
    notes = [
        f"{source(table)}. Median over pairs of runs of one seed and region; above 0: ranked "
        "first hurt more.",
        f"Filled: q < {theme.LEVEL} (one-sided Wilcoxon signed-rank; Benjamini-Hochberg over "
        "the benchmarks and their pool).",
        "Bars: 95 % bootstrap intervals over regions and seeds, too narrow where regions are few.",
        MEASURED[table["measure"][0]],
    ]
    shared = table.filter(condition_b="random_global")
    if not shared.is_empty():
        notes.insert(
            3,
            "Against anywhere: regions averaged, one pair a seed, tested over items instead of "
            "pairs.",
        )
    return notes


def _difference_rows(table: pl.DataFrame) -> pl.DataFrame:
    ends = [
        float(value)
        for column in table.select("median_difference", "median_low", "median_high")
        for value in column.drop_nulls()
    ]
    # Words go to the side of the point where the panel has room.
    low, high = min(0.0, *ends), max(0.0, *ends)
    pairs = pl.col("n_cells").cast(pl.String) + " pairs: "
    why = pl.when(pl.col("n_regions") == 1).then(pairs).otherwise(pl.lit(""))
    first, second = (
        pl.col(column).replace({slug: name.replace(",", "") for slug, name in CONDITIONS.items()})
        for column in ("condition_a", "condition_b")
    )
    return table.with_columns(
        labels.interval("median_low", "median_high", digits=3),
        label=pl.col("benchmark").replace({"all": _ALL}),
        comparison=pl.concat_str(first, pl.lit(", \N{MINUS SIGN} "), second.str.to_lowercase()),
        signs=pl.format("{} / {} / {}", "n_positive", "n_negative", "n_zero"),
        mark=theme.significance("q_value"),
        note=pl.when(pl.col("median_low").is_null()).then(why + pl.lit("no interval")),
        is_right=pl.col("median_difference") > low + 0.55 * (high - low),
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
    bars = base.mark_rule(strokeWidth=2).transform_filter("isValid(datum.median_low)")
    points = base.encode(x=alt.X("median_difference:Q", **x))
    return alt.layer(
        alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=alt.datum(0)),
        bars.encode(x=alt.X("median_low:Q", **x), x2="median_high:Q"),
        *_notes(points),
        theme.significance_points(points),
    )


def _difference_tooltip(number: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("label:N", title="benchmark"),
        alt.Tooltip("comparison:N"),
        alt.Tooltip("median_difference:Q", title="median difference", format=number),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("n_cells:Q", title="pairs"),
        alt.Tooltip("n_regions:Q", title="regions"),
        alt.Tooltip("signs:N", title="positive / negative / zero"),
        alt.Tooltip("cohens_dz:Q", title="Cohen's d_z", format="+.2f"),
        alt.Tooltip("p_value:Q", title="p (Wilcoxon)", format=".2~g"),
        alt.Tooltip("q_value:Q", title="q (Wilcoxon)", format=".2~g"),
        alt.Tooltip("p_value_of_t:Q", title="p (t over the regions' means)", format=".2~g"),
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
    select w.model, w.method, w.objective, w.measure, w.benchmark, b.domain, b.capability,
        w.condition_a, w.condition_b, w.n_cells, w.n_regions,
        w.n_positive, w.n_negative, w.n_zero,
        w.median_difference, w.median_low, w.median_high,
        w.p_value, w.q_value, w.cohens_dz, t.p_value as p_value_of_t
    from marts.unlearning_tests as w
    left join marts.unlearning_tests as t
        on t.test = 't_region_means' and t.study = w.study and t.model = w.model
        and t.method = w.method
        and t.objective = w.objective and t.measure = w.measure
        and t.benchmark = w.benchmark
        and t.condition_a = w.condition_a and t.condition_b = w.condition_b
    left join marts.benchmarks as b
        on w.study = b.study and w.model = b.model and w.benchmark = b.benchmark
    where w.test = case w.condition_b
        when 'random_global' then 'wilcoxon_items' else 'wilcoxon' end
    order by w.model, w.method, w.objective, w.measure, w.condition_a desc, w.condition_b desc,
        b.position nulls last
    """,
    draw=draw,
    page="unlearning",
    place=2,
    facets=("model", "method", "objective", "measure"),
    is_optional=True,
)
