"""Unlearning run by run: damage on the target by condition, and losses over the steps.

Belongs here: charts where each run is drawn, and the words that all charts of unlearning share.
Damage is baseline minus unlearned: above 0 the model lost it. Does not belong here: conditions
and benchmarks set against each other (unlearning_comparisons), how damage is measured (marts).
"""

from math import ceil
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from influence_warehouse.reports import labels, theme

CONDITIONS = {
    "influence_in_topic": "Ranked first, in the region",
    "random_in_topic": "Random, in the region",
    "influence_global": "Ranked first, anywhere",
    "random_global": "Random, anywhere",
}
"""The four conditions in the order of every chart; the comma parts two lines where needed."""

LOST = {"margin": "margin lost (nats)", "accuracy": "accuracy lost (share of items)"}
NUMBER = {"margin": "+.2f", "accuracy": "+.1%"}
AXIS = {"margin": "~g", "accuracy": "~%"}
MEASURED = {
    "margin": "Margin: mean log-probability of the right answer minus the best wrong one's.",
    "accuracy": "Accuracy: share of items whose right answer is the likeliest.",
}

_SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
_STOPS = {
    "step_limit": "circle",
    "utility_floor": "square",
    "forget_perplexity": "triangle-up",
    "wall_time": "diamond",
}


def unlearning_damage(table: pl.DataFrame) -> alt.ConcatChart:
    """Damage on the target by condition, a panel per target; runs as points, means over them.

    Reads rows of marts.unlearning_damage (kind `run`: region, seed) and of
    marts.unlearning_matrix (kind `mean`: n_runs), both where is_target, for one method,
    objective and measure: kind, method, objective, measure, benchmark, condition, region,
    seed, n_runs, n_items, damage, damage_low, damage_high, share_kept. Panels follow the rows'
    order of benchmarks, points that of regions and seeds.
    """
    conditions = [name for name in CONDITIONS if name in set(table["condition"])]
    benchmarks = table["benchmark"].unique(maintain_order=True).to_list()
    rows = _damage_rows(table, conditions)
    width = {1: 560, 2: 360}.get(len(benchmarks), 300)
    panels = [
        _damage_panel(rows.filter(benchmark=benchmark), conditions).properties(
            title=alt.Title(labels.name(benchmark), fontSize=14, offset=8), width=width, height=250
        )
        for benchmark in benchmarks
    ]
    chart = alt.concat(*panels, columns=_columns(len(panels)), spacing=36)
    if len(panels) > 1:
        # One scale lets panels be compared; the shapes of regions are each panel's own.
        chart = chart.resolve_scale(x="shared", y="shared", shape="independent")
    return theme.framed(
        chart,
        "Does forgetting what was ranked first hurt more than forgetting at random?",
        [
            f"{source(table)}. A point per run ({table.filter(kind='run').height}), under the "
            "benchmark that it aimed at; lines join the same region and seed.",
            "Black: mean over the runs, 95 % interval over the items. Above 0: the model lost it.",
            MEASURED[table["measure"][0]],
        ],
    )


def unlearning_losses(table: pl.DataFrame) -> alt.VConcatChart:
    """Forget and retain loss over the steps of every run, a column of panels per condition.

    Reads marts.unlearning_losses for one method and objective, joined to marts.benchmarks:
    method, objective, run_id, benchmark, domain, capability, condition, region, seed, step,
    forget_loss, retain_loss, utility, stop_reason. Losses in nats per token.
    """
    rows = table.select(
        *("run_id", "seed", "step", "forget_loss", "retain_loss", "utility"),
        condition_title(),
        _region_title(table["region"]),
        labels.named("benchmark", table["benchmark"]),
        pl.col("stop_reason").str.replace_all("_", " "),
        is_last=pl.col("step") == pl.col("step").max().over("run_id"),
    )
    conditions = [name for name in CONDITIONS.values() if name in set(rows["condition_title"])]
    width = {1: 480, 2: 320, 3: 260}.get(len(conditions), 210)
    headers = {"forget_loss": header("split(datum.value, ', ')"), "retain_loss": _NO_HEADER}
    panels = [
        _loss_layers(rows, loss, table)
        .properties(width=width, height=170)
        .facet(column=alt.Column("condition_title:N", sort=conditions, header=head), spacing=24)
        for loss, head in headers.items()
    ]
    return theme.framed(
        alt.vconcat(*panels, spacing=20),
        "What did the unlearning runs do as they went on?",
        [
            f"{source(table)}. A line per run ({rows['run_id'].n_unique()}); its mark: where it "
            "stopped, and by which rule.",
            "Forget loss: mean over the forget set. Retain loss: over held-out documents.",
        ],
    )


def source(table: pl.DataFrame) -> str:
    """The attribution method and the objective of a chart, as its subtitle begins."""
    return f"{labels.name(table['method'][0])}, {labels.name(table['objective'][0])}"


def header(expression: str | None = None) -> alt.Header:
    """Header of a panel; the expression makes text or lines of `datum.value`."""
    split: dict[str, Any] = {"labelExpr": expression} if expression else {}
    return alt.Header(title=None, labelAnchor="start", labelFontSize=13, **split)


def condition_title() -> pl.Expr:
    """The column `condition` as people read it, as `condition_title`."""
    return pl.col("condition").replace(CONDITIONS).alias("condition_title")


def damage_tooltip(measure: str) -> list[alt.Tooltip]:
    """What is shown of a damage: value, interval, share kept and items."""
    return [
        alt.Tooltip("damage:Q", title=LOST[measure], format=NUMBER[measure]),
        alt.Tooltip("interval:N", title="95 % interval"),
        alt.Tooltip("share_kept:Q", title="share kept", format=".1%"),
        alt.Tooltip("n_items:Q", title="items", format=","),
    ]


_NO_HEADER = alt.Header(labels=False, title=None)


def _region_title(regions: pl.Series) -> pl.Expr:
    slugs = regions.drop_nulls().unique()
    titles = {slug: labels.region(slug) for slug in slugs}
    return pl.col("region").replace(titles).alias("region_title")


def _columns(panels: int) -> int:
    """Panels in a row, at most three and as even as can be: 4 are 2 and 2."""
    return ceil(panels / ceil(panels / 3))


def _damage_rows(table: pl.DataFrame, conditions: list[str]) -> pl.DataFrame:
    is_paired = (pl.col("kind") == "run") & pl.col("condition").str.ends_with("_in_topic")
    return table.select(
        *("kind", "measure", "benchmark", "seed", "n_runs", "n_items"),
        *("damage", "damage_low", "damage_high", "share_kept"),
        labels.interval("damage_low", "damage_high", digits=3),
        condition_title(),
        _region_title(table["region"]),
        pl.Series("x", _places(table, conditions)),
        pair=pl.when(is_paired).then(pl.concat_str("region", pl.lit("|"), "seed")),
        is_ranked=pl.col("condition").str.starts_with("influence"),
    )


def _places(table: pl.DataFrame, conditions: list[str]) -> np.ndarray:
    """Where each row stands on the axis of conditions: means in the middle, runs beside it.

    The runs of a condition spread to both sides in the order of their rows, so that partners of
    a pair stand alike and nothing hides behind the mean.
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
    names = [CONDITIONS[name] for name in conditions]
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
    ticks = alt.Axis(format=AXIS[measure], tickCount=6, grid=True)
    y: dict[str, Any] = {"title": LOST[measure], "axis": ticks}
    zero = alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1)
    lines = (
        base.mark_line(color="#9a9a9a", strokeWidth=0.8, opacity=0.8)
        .encode(y=alt.Y("damage:Q", **y), detail="pair:N")
        .transform_filter("isValid(datum.pair)")
    )
    points = _run_points(base.encode(y=alt.Y("damage:Q", **y)), rows)
    return alt.layer(zero.encode(y=alt.datum(0, **y)), lines, points, *_means(base, y, measure))


def _run_points(base: alt.Chart, rows: pl.DataFrame) -> alt.Chart:
    """A point per run: shaped by region, orange where ranked first and blue where random."""
    regions = rows["region_title"].drop_nulls().unique(maintain_order=True).to_list()
    # The whole sample comes last: it is no region that was chosen.
    regions.sort(key=lambda region: region == labels.region("all"))
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
            alt.Tooltip("seed:N"),
            *damage_tooltip(rows["measure"][0]),
        ],
    )


def _means(base: alt.Chart, y: dict[str, Any], measure: str) -> list[alt.Chart]:
    """The means with their intervals, rimmed in white so that they stand out from the points."""
    means = base.transform_filter("datum.kind === 'mean'").encode(
        tooltip=[
            alt.Tooltip("condition_title:N", title="forgotten"),
            alt.Tooltip("n_runs:Q", title="mean over runs"),
            *damage_tooltip(measure),
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


def _loss_layers(
    rows: pl.DataFrame, loss: str, table: pl.DataFrame
) -> alt.LayerChart | alt.FacetChart:
    title = f"{loss.replace('_', ' ')} (nats per token)"
    base = alt.Chart(rows).encode(
        x=alt.X("step:Q", title="step", axis=alt.Axis(grid=False, tickCount=5)),
        y=alt.Y(f"{loss}:Q", title=title, scale=alt.Scale(zero=False)),
        color=_target_colour(table),
        tooltip=[
            alt.Tooltip("benchmark_title:N", title="aimed at"),
            alt.Tooltip("condition_title:N", title="forgotten"),
            alt.Tooltip("region_title:N", title="region"),
            *("seed:N", "step:Q"),
            alt.Tooltip("forget_loss:Q", title="forget loss", format=".3f"),
            alt.Tooltip("retain_loss:Q", title="retain loss", format=".3f"),
            alt.Tooltip("utility:Q", format=".4f"),
            alt.Tooltip("stop_reason:N", title="stopped by"),
        ],
    )
    lines = base.mark_line(strokeWidth=1, opacity=0.7).encode(detail="run_id:N")
    ends = base.transform_filter("datum.is_last").mark_point(size=38, filled=True, opacity=0.9)
    return alt.layer(lines, ends.encode(shape=_stop_shape(rows["stop_reason"])))


def _target_colour(table: pl.DataFrame) -> alt.Color:
    """The benchmark aimed at, in its colour of all charts; no legend for a single one."""
    benchmarks = table["benchmark"].unique(maintain_order=True).to_list()
    colours = theme.benchmark_colours(table)
    scale = alt.Scale(
        domain=[labels.name(slug) for slug in benchmarks],
        range=[colours[slug] for slug in benchmarks],
    )
    legend = alt.Legend(title="aimed at", symbolType="stroke", symbolStrokeWidth=3)
    return alt.Color("benchmark_title:N", scale=scale, legend=legend if benchmarks[1:] else None)


def _stop_shape(reasons: pl.Series) -> alt.Shape:
    shapes = {name.replace("_", " "): shape for name, shape in _STOPS.items()}
    found = [name for name in shapes if name in set(reasons)]
    scale = alt.Scale(domain=found, range=[shapes[name] for name in found])
    legend = alt.Legend(title="stopped by", symbolSize=70)
    return alt.Shape("stop_reason:N", scale=scale, legend=legend)
