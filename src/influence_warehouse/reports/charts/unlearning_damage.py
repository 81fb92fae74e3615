"""Does forgetting what was ranked first hurt more than forgetting at random?"""

from math import ceil
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from influence_warehouse.reports import labels, theme, unlearning
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS

_SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")


def draw(table: pl.DataFrame) -> alt.ConcatChart:
    """Damage on the target by condition, a panel per target; runs as points, means over them.

    Reads rows of marts.unlearning_damage (kind `run`: region, set_number, seed) and of
    marts.unlearning_matrix (kind `mean`: n_runs, n_sets, damage_low, damage_high), both where
    is_target, for one method, objective and measure: kind, method, objective, measure, benchmark,
    condition, region, set_number, seed, n_runs, n_sets, n_items, damage, damage_low, damage_high,
    share_kept. Panels follow the rows' order of benchmarks, points that of regions, sets and seeds.
    """
    conditions = [name for name in unlearning.CONDITIONS if name in set(table["condition"])]
    benchmarks = table["benchmark"].unique(maintain_order=True).to_list()
    rows = _damage_rows(table, conditions)
    width = {1: 560, 2: 360}.get(len(benchmarks), 300)
    panels = [
        _damage_panel(rows.filter(benchmark=benchmark), conditions).properties(
            title=alt.Title(benchmark, fontSize=14, offset=8), width=width, height=250
        )
        for benchmark in benchmarks
    ]
    chart = alt.concat(*panels, columns=_columns(len(panels)), spacing=36)
    if len(panels) > 1:
        # One scale lets panels be compared; the shapes of regions are each panel's own.
        chart = chart.resolve_scale(x="shared", y="shared", shape="independent")
    return theme.framed(
        chart,
        CHARTS["unlearning_damage"],
        [
            f"{unlearning.source(table)}. A point per run ({table.filter(kind='run').height}), "
            "under the benchmark that it aimed at. Above 0: the model lost it.",
            f"Black: mean with {unlearning.OVER_SETS}.",
            unlearning.MEASURED[table["measure"][0]],
        ],
    )


def _columns(panels: int) -> int:
    """Panels in a row, at most three and as even as can be: 4 are 2 and 2."""
    return ceil(panels / ceil(panels / 3))


def _damage_rows(table: pl.DataFrame, conditions: list[str]) -> pl.DataFrame:
    return table.select(
        *("kind", "measure", "benchmark", "set_number", "seed", "n_runs", "n_sets", "n_items"),
        *("damage", "damage_low", "damage_high", "share_kept"),
        labels.interval("damage_low", "damage_high", digits=3),
        unlearning.condition_title(),
        unlearning.region_title(table["region"]),
        pl.Series("x", _places(table, conditions)),
        is_ranked=pl.col("condition").str.starts_with("influence"),
    )


def _places(table: pl.DataFrame, conditions: list[str]) -> np.ndarray:
    """Where each row stands on the axis of conditions: means in the middle, runs beside it.

    The runs of a condition spread to both sides in the order of their rows, so that nothing hides
    behind the mean.
    """
    middles = [float(conditions.index(name)) for name in table["condition"]]
    runs = table.with_row_index("row").filter(kind="run")
    places = np.array(middles)
    for (_, _), group in runs.group_by("benchmark", "condition", maintain_order=True):
        places[group["row"].to_numpy()] += _spread(group.height)
    return places


def _spread(points: int) -> np.ndarray:
    """Offsets to both sides of 0, none near it: from -0.4 to 0.4 without -0.18 to 0.18."""
    left = np.linspace(-0.4, -0.18, ceil(points / 2))
    return np.concatenate([left, np.linspace(0.18, 0.4, points // 2)])


def _damage_panel(rows: pl.DataFrame, conditions: list[str]) -> alt.LayerChart | alt.FacetChart:
    measure = rows["measure"][0]
    names = [unlearning.CONDITIONS[name] for name in conditions]
    axis = alt.Axis(
        values=list(range(len(names))),
        labelExpr=f"split({names}[datum.value], ', ')",
        labelOverlap=False,
        labelLineHeight=15,
        labelPadding=8,
        grid=False,
        ticks=False,
    )
    scale = alt.Scale(domain=[-0.5, len(names) - 0.5], nice=False, zero=False)
    base = alt.Chart(rows).encode(x=alt.X("x:Q", title=None, axis=axis, scale=scale))
    ticks = alt.Axis(format=unlearning.AXIS[measure], tickCount=6, grid=True)
    y: dict[str, Any] = {"title": unlearning.LOST[measure], "axis": ticks}
    zero = alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1)
    points = _run_points(base.encode(y=alt.Y("damage:Q", **y)), rows)
    return alt.layer(zero.encode(y=alt.datum(0, **y)), points, *_means(base, y, measure))


def _run_points(base: alt.Chart, rows: pl.DataFrame) -> alt.Chart:
    """A point per run: shaped by region, orange where ranked first and blue where random."""
    regions = rows["region_title"].drop_nulls().unique(maintain_order=True).to_list()
    # The whole sample comes last: it is no region that was chosen.
    regions.sort(key=lambda region: region == labels.WHOLE_SAMPLE)
    shapes = [_SHAPES[number % len(_SHAPES)] for number in range(len(regions))]
    legend = alt.Legend(title=None, orient="bottom", columns=2, symbolSize=60)
    scale = alt.Scale(domain=regions, range=shapes)
    colours = alt.Scale(domain=[True, False], range=[theme.SUPPORTS, theme.OPPOSES])
    points = base.transform_filter("datum.kind === 'run'").mark_point(
        size=46, filled=True, opacity=0.75
    )
    return points.encode(
        shape=alt.Shape("region_title:N", scale=scale, legend=legend),
        color=alt.Color("is_ranked:N", scale=colours, legend=None),
        tooltip=[
            alt.Tooltip("condition_title:N", title="forgotten"),
            alt.Tooltip("region_title:N", title="region"),
            alt.Tooltip("set_number:N", title="forget set"),
            alt.Tooltip("seed:N"),
            *unlearning.damage_tooltip(rows["measure"][0]),
        ],
    )


def _means(base: alt.Chart, y: dict[str, Any], measure: str) -> list[alt.Chart]:
    """The means with their intervals, rimmed in white so that they stand out from the points."""
    means = base.transform_filter("datum.kind === 'mean'").encode(
        tooltip=[
            alt.Tooltip("condition_title:N", title="forgotten"),
            alt.Tooltip("n_runs:Q", title="mean over runs"),
            alt.Tooltip("n_sets:Q", title="forget sets"),
            alt.Tooltip("interval:N", title="95 % interval over forget sets"),
            *unlearning.damage_tooltip(measure),
        ]
    )
    bars = means.transform_filter("isValid(datum.damage_low)").encode(
        y=alt.Y("damage_low:Q", **y), y2="damage_high:Q"
    )
    ticks = means.encode(y=alt.Y("damage:Q", **y))
    across: dict[str, Any] = {"orient": "horizontal", "opacity": 1}
    return [
        bars.mark_rule(strokeWidth=5, color="white", opacity=1),
        ticks.mark_tick(size=17, thickness=6, color="white", **across),
        bars.mark_rule(strokeWidth=2.5, color=theme.INK, opacity=1),
        ticks.mark_tick(size=15, thickness=3.5, color=theme.INK, **across),
    ]


CHART = Chart(
    sql="""
    with shown as (
        select 'run' as kind, study, model, method, objective, measure, benchmark, condition,
            region, set_number, seed, n_items, damage, share_kept
        from marts.unlearning_damage
        where is_target
        union all by name
        select 'mean' as kind, study, model, method, objective, measure, benchmark, condition,
            n_runs, n_sets, n_items, damage, damage_low, damage_high, share_kept
        from marts.unlearning_matrix
        where is_target
    )
    select shown.* exclude (study)
    from shown
    join marts.benchmarks as b using (study, model, benchmark)
    order by model, method, objective, measure, b.position, kind, condition, region,
        set_number, seed
    """,
    draw=draw,
    page="unlearning",
    place=1,
    facets=("model", "method", "objective", "measure"),
    is_optional=True,
)
