"""Is the damage where it was aimed?"""

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
    OVER_SETS,
    condition_title,
    damage_tooltip,
    header,
    source,
)

# A long name breaks after its underscores, and keeps them.
_LINES = "split(replace(datum.value, /_/g, '_ '), ' ')"


def draw(table: pl.DataFrame) -> alt.FacetChart:
    """Mean damage on every benchmark by the benchmark aimed at, a panel per condition.

    Reads marts.unlearning_matrix for one method, objective and measure: method, objective,
    measure, condition, benchmark, evaluated_benchmark, is_target, n_runs, n_regions, n_sets,
    n_items, damage, damage_low, damage_high, share_kept. Benchmarks follow the rows' order.
    """
    measure = table["measure"][0]
    rows = _matrix_rows(table)
    targets, evaluated = (
        rows[name].unique(maintain_order=True).to_list()
        for name in ("benchmark", "evaluated_benchmark")
    )
    conditions = [name for name in CONDITIONS.values() if name in set(rows["condition_title"])]
    cell = {1: 180, 2: 120}.get(len(evaluated), 92)
    chart = (
        _matrix_layers(rows, targets, evaluated, measure)
        .properties(width=cell * len(evaluated), height=46 * len(targets))
        .facet(
            facet=alt.Facet("condition_title:N", sort=conditions, header=header()),
            columns=2 if len(evaluated) > 1 else 4,
            spacing=32,
        )
    )
    return theme.framed(
        chart,
        CHARTS["unlearning_matrix"],
        [
            f"{source(table)}. Mean damage over the runs of a target and condition; "
            "framed: the benchmark aimed at.",
            "Orange: the model lost it; blue: it got better. One scale for all panels. Tooltips: "
            f"{OVER_SETS}.",
            MEASURED[measure],
        ],
    )


def _matrix_rows(table: pl.DataFrame) -> pl.DataFrame:
    rounded = pl.col("damage").round(2 if table["measure"][0] == "margin" else 3)
    return table.with_columns(
        condition_title(),
        labels.interval("damage_low", "damage_high", digits=3),
        # What rounds to zero has no sign.
        shown=pl.when(rounded == 0).then(0.0).otherwise(rounded),
    ).drop("model", "method", "objective", "measure", "condition")


def _matrix_layers(
    rows: pl.DataFrame, targets: list[str], evaluated: list[str], measure: str
) -> alt.LayerChart | alt.FacetChart:
    limit = max(1e-9, *rows["damage"].abs().drop_nulls().to_list(), 0.0)
    axis: dict[str, Any] = {"ticks": False, "domain": False}
    words = alt.Axis(labelAngle=0, labelExpr=_LINES, **axis)
    base = alt.Chart(rows).encode(
        x=alt.X("evaluated_benchmark:N", sort=evaluated, title="measured on", axis=words),
        y=alt.Y("benchmark:N", sort=targets, title="aimed at", axis=alt.Axis(**axis)),
        tooltip=[
            alt.Tooltip("condition_title:N", title="forgotten"),
            alt.Tooltip("benchmark:N", title="aimed at"),
            alt.Tooltip("evaluated_benchmark:N", title="measured on"),
            alt.Tooltip("interval:N", title="95 % interval over forget sets"),
            *damage_tooltip(measure),
            alt.Tooltip("n_runs:Q", title="runs"),
            alt.Tooltip("n_sets:Q", title="forget sets"),
            alt.Tooltip("n_regions:Q", title="regions"),
        ],
    )
    # Light figures on the dark ends of the scale.
    is_dark = f"abs(datum.damage) > {0.75 * limit}"
    ink = alt.condition(is_dark, alt.value("white"), alt.value(theme.INK))
    return alt.layer(
        base.mark_rect(stroke="white", strokeWidth=1).encode(color=_damage_colour(measure, limit)),
        base.transform_filter("datum.is_target").mark_rect(
            fillOpacity=0, stroke=theme.INK, strokeWidth=2
        ),
        base.mark_text(fontSize=12).encode(
            text=alt.Text("shown:Q", format=NUMBER[measure]), color=ink
        ),
    )


def _damage_colour(measure: str, limit: float) -> alt.Color:
    """One diverging scale around 0, up to the greatest damage of all panels."""
    scale = alt.Scale(
        scheme=theme.DIVERGING, domain=[-limit, limit], domainMid=0, nice=False, clamp=True
    )
    legend = alt.Legend(
        title=LOST[measure], orient="bottom", gradientLength=220, format=AXIS[measure]
    )
    return alt.Color("damage:Q", scale=scale, legend=legend)


CHART = Chart(
    sql="""
    select m.model, m.method, m.objective, m.measure, m.condition, m.benchmark,
        m.evaluated_benchmark, m.is_target, m.n_runs, m.n_regions, m.n_sets, m.n_items,
        m.damage, m.damage_low, m.damage_high, m.share_kept
    from marts.unlearning_matrix as m
    join marts.benchmarks as b using (study, model, benchmark)
    join marts.benchmarks as e
        on m.study = e.study and m.model = e.model and m.evaluated_benchmark = e.benchmark
    order by m.model, m.method, m.objective, m.measure, m.condition, b.position, e.position
    """,
    draw=draw,
    page="unlearning",
    place=3,
    facets=("model", "method", "objective", "measure"),
    is_optional=True,
)
