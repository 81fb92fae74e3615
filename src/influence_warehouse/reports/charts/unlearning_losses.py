"""What did the unlearning runs do as they went on?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import theme, unlearning
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS

_STOPS = {
    "step_limit": "circle",
    "utility_floor": "square",
    "forget_perplexity": "triangle-up",
    "wall_time": "diamond",
}


def draw(table: pl.DataFrame) -> alt.VConcatChart:
    """Forget and retain loss over the steps of every run, a column of panels per condition.

    Reads marts.unlearning_losses for one method and objective, joined to marts.benchmarks:
    method, objective, run_id, benchmark, domain, capability, condition, region, seed, step,
    forget_loss, retain_loss, utility, stop_reason. Losses in nats per token.
    """
    rows = table.select(
        *("run_id", "seed", "step", "forget_loss", "retain_loss", "utility", "benchmark"),
        unlearning.condition_title(),
        unlearning.region_title(table["region"]),
        pl.col("stop_reason").str.replace_all("_", " "),
        is_last=pl.col("step") == pl.col("step").max().over("run_id"),
    )
    conditions = [
        name for name in unlearning.CONDITIONS.values() if name in set(rows["condition_title"])
    ]
    width = {1: 480, 2: 320, 3: 260}.get(len(conditions), 210)
    headers = {
        "forget_loss": unlearning.header("split(datum.value, ', ')"),
        "retain_loss": _NO_HEADER,
    }
    panels = [
        _loss_layers(rows, loss, table)
        .properties(width=width, height=170)
        .facet(column=alt.Column("condition_title:N", sort=conditions, header=head), spacing=24)
        for loss, head in headers.items()
    ]
    return theme.framed(
        alt.vconcat(*panels, spacing=20),
        CHARTS["unlearning_losses"],
        [
            f"{unlearning.source(table)}. A line per run ({rows['run_id'].n_unique()}); its mark: "
            "where it stopped, and by which rule.",
            "Forget loss: mean over the forget set. Retain loss: over held-out documents.",
        ],
    )


_NO_HEADER = alt.Header(labels=False, title=None)


def _loss_layers(
    rows: pl.DataFrame, loss: str, table: pl.DataFrame
) -> alt.LayerChart | alt.FacetChart:
    title = f"{loss.replace('_', ' ')} (nats per token)"
    base = alt.Chart(rows).encode(
        x=alt.X("step:Q", title="step", axis=alt.Axis(grid=False, tickCount=5)),
        y=alt.Y(f"{loss}:Q", title=title, scale=alt.Scale(zero=False)),
        color=_target_colour(table),
        tooltip=[
            alt.Tooltip("benchmark:N", title="aimed at"),
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
        domain=benchmarks,
        range=[colours[slug] for slug in benchmarks],
    )
    legend = alt.Legend(title="aimed at", symbolType="stroke", symbolStrokeWidth=3)
    return alt.Color("benchmark:N", scale=scale, legend=legend if benchmarks[1:] else None)


def _stop_shape(reasons: pl.Series) -> alt.Shape:
    shapes = {name.replace("_", " "): shape for name, shape in _STOPS.items()}
    found = [name for name in shapes if name in set(reasons)]
    scale = alt.Scale(domain=found, range=[shapes[name] for name in found])
    legend = alt.Legend(title="stopped by", symbolSize=70)
    return alt.Shape("stop_reason:N", scale=scale, legend=legend)


CHART = Chart(
    sql="""
    select l.model, l.method, l.objective, l.run_id, l.benchmark, b.domain, b.capability,
        l.condition, l.region, l.seed, l.step, l.forget_loss, l.retain_loss, l.utility,
        l.stop_reason
    from marts.unlearning_losses as l
    join marts.benchmarks as b using (study, model, benchmark)
    order by l.model, l.method, l.objective, b.position, l.run_id, l.step
    """,
    draw=draw,
    page="unlearning",
    place=4,
    facets=("model", "method", "objective"),
    is_optional=True,
)
