"""A measure by topic or by format, a panel a benchmark in one shared order: what profiles share."""

from math import ceil

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.measures import SUPPORT, Measure, Z

_ROW = 19  # pixels a topic or format: a 12 px label with air
_WIDTH = 195  # pixels a panel; one or two panels take the room of three
_PANELS_A_ROW = 5
_DOUBTFUL = " (doubtful)"


def support_profile(table: pl.DataFrame, side: str) -> alt.FacetChart:
    """A panel per benchmark, its regions by support with 95 % intervals, in one order.

    Reads the columns of `influence_sql` with `SUPPORT`; `side` is `topic` or `format`.
    """
    noun = labels.grouping(table, side)
    return _profile(
        table.with_columns(panel="benchmark"),
        side,
        SUPPORT,
        f"Which {labels.plural(noun)} support which benchmark most?",
        [
            f"{_scores(table)} Bars: 95 % intervals over {labels.interval_unit(table)}.",
            f"Support of a {noun}: mean of the squared scores above 0, others as 0, in units of an "
            "item's mean squared score.",
            f"Grey line: support of all documents. Filled: more than it, q < {theme.LEVEL} "
            f"(one-sided, Benjamini-Hochberg over the {labels.plural(noun)}).",
            f"{labels.capital(labels.plural(noun))} in order of the largest estimate over error "
            "among the benchmarks shown.",
        ],
    )


def methods_profile(table: pl.DataFrame, side: str) -> alt.FacetChart:
    """A panel per method, the regions of one benchmark by support with 95 % intervals, in one
    order.

    Reads the columns of `methods_sql`; `side` is `topic`, `format` or `bin`. Panels have scales
    of their own: methods whose scores have longer tails have larger supports.
    """
    noun = labels.grouping(table, side)
    among = f"the {labels.plural(noun)}"
    names = table["method"].unique(maintain_order=True)
    chosen = [] if side != "bin" else ["Shown are the surest bins of each method."]
    return _profile(
        table.with_columns(panel="method"),
        side,
        SUPPORT,
        f"Which {labels.plural(noun)} do the methods say support {table['benchmark'][0]} most?",
        [
            f"{labels.count(len(names), 'method')}, each in its own scale. Bars: 95 % intervals "
            f"over {labels.interval_unit(table)}.",
            f"Support of a {noun}: mean of the squared scores above 0, others as 0, in units of an "
            "item's mean squared score.",
            f"Grey line: support of all documents. Filled: more than it, q < {theme.LEVEL} "
            f"(one-sided, Benjamini-Hochberg over {among} of the method).",
            f"{labels.capital(labels.plural(noun))} in order of the largest estimate over error "
            "among the methods.",
            *chosen,
        ],
        is_shared=False,
    )


def z_profile(table: pl.DataFrame, side: str, other: str) -> alt.FacetChart:
    """A panel per benchmark, its regions by mean z with 95 % intervals, in one order.

    Reads the columns of `influence_sql` with `Z`, and is_z_doubtful; `other` than the `side` is
    what is averaged over.
    """
    noun, averaged = labels.grouping(table, side), labels.grouping(table, other)
    over = f"unweighted mean over its {labels.plural(averaged)} of the bins' z"
    doubtful = table.filter("is_z_doubtful")["benchmark"].unique(maintain_order=True)
    panel = pl.col("benchmark") + pl.when("is_z_doubtful").then(pl.lit(_DOUBTFUL)).otherwise(
        pl.lit("")
    )
    return _profile(
        table.with_columns(panel=panel),
        side,
        Z,
        f"Which {labels.plural(noun)} have the highest mean score for which benchmark?",
        [
            f"{_scores(table)} z of a {noun}: "
            f"{over if averaged else 'its mean against the means of all'}.",
            labels.uncertainty(
                table["z_low"],
                f"Bars: 95 % intervals over {labels.interval_unit(table)}. Filled: q < "
                f"{theme.LEVEL} (Benjamini-Hochberg over the {labels.plural(noun)})"
                f"{labels.untested(table, 'z')}.",
            ),
            f"{labels.capital(labels.plural(noun))} in order of their mean z over all benchmarks "
            "shown.",
            *labels.doubtful(doubtful),
        ],
    )


def _scores(table: pl.DataFrame) -> str:
    sizes = table.filter(benchmark=table["benchmark"][0])["n_documents"]
    return f"{labels.scored_by(table)} scores of {labels.count(int(sizes.sum()), 'document')}."


def _profile(
    table: pl.DataFrame,
    side: str,
    measure: Measure,
    question: str,
    subtitle: list[str],
    is_shared: bool = True,
) -> alt.FacetChart:
    """`is_shared` says whether all panels have one scale."""
    rows = _rows(table, side, measure)
    panels = rows["panel"].unique(maintain_order=True).to_list()
    order = _order(rows, measure)
    shown = labels.ends(order)
    rows = rows.filter(pl.col("label").is_in(shown))
    chart = (
        _panel(rows, shown, measure, _colour(table))
        .properties(width=_WIDTH * max(1, 3 // len(panels)), height=_ROW * len(shown))
        .facet(
            facet=alt.Facet(
                "panel:N",
                sort=panels,
                header=alt.Header(title=None, labelAnchor="start"),
            ),
            columns=_columns(len(panels)),
            spacing=32,
        )
    )
    if not is_shared:
        chart = chart.resolve_scale(x="independent")
    noun = labels.grouping(table, side)
    return theme.framed(chart, question, [*subtitle, *labels.left_out(order, noun)])


def _rows(table: pl.DataFrame, side: str, measure: Measure) -> pl.DataFrame:
    label = labels.titled_bin("label") if side == "bin" else labels.titled(side, to="label")
    return table.with_columns(
        label,
        labels.interval(measure.low, measure.high),
        pl.col(*measure.columns).round(4),
        mark=theme.significance(measure.q_value),
        absence=theme.absence(measure.value),
        average=pl.col(measure.average).round(4) if measure.average else pl.lit(0.0),
    ).select(
        *("panel", "benchmark", "label", "n_documents", "average", *measure.columns),
        *("interval", "mark", "absence"),
    )


def _panel(
    rows: pl.DataFrame, order: list[str], measure: Measure, colour: alt.Color
) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(ticks=False, grid=True)),
        color=colour,
        tooltip=theme.tooltips(
            rows,
            alt.Tooltip("benchmark:N", title="benchmark"),
            alt.Tooltip("label:N", title="region"),
            alt.Tooltip("n_documents:Q", title="documents", format=","),
            alt.Tooltip(f"{measure.value}:Q", format=measure.digits),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip(f"{measure.q_value}:Q", title="q", format=".3f"),
        ),
    )
    scale = alt.Scale(zero=False)
    x = alt.X(
        f"{measure.value}:Q",
        title=measure.value,
        scale=scale,
        axis=alt.Axis(tickCount=5, grid=False),
    )
    average = alt.X("mean(average):Q", title=measure.value, scale=scale)
    return alt.layer(
        alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=average),
        base.mark_rule(strokeWidth=2).encode(
            x=alt.X(f"{measure.low}:Q", title=measure.value, scale=scale), x2=f"{measure.high}:Q"
        ),
        theme.significance_points(base.encode(x=x)),
        theme.absences(base, alt.X("average:Q", title=measure.value, scale=scale)),
    )


def _columns(panels: int) -> int:
    """Panels in a row, so that several rows are as even as can be: 6 are 3 and 3."""
    return ceil(panels / ceil(panels / _PANELS_A_ROW))


def _order(rows: pl.DataFrame, measure: Measure) -> list[str]:
    """Labels by the largest order of support over the benchmarks, or by mean z; null comes last.

    Support is one-sided: what one benchmark draws on stands high, whatever the others do.
    """
    column = pl.col(measure.order)
    places = rows.group_by("label").agg(column.max() if measure is SUPPORT else column.mean())
    order = [measure.order, "label"]
    return places.sort(order, descending=[True, False], nulls_last=True)["label"].to_list()


def _colour(table: pl.DataFrame) -> alt.Color:
    colours = theme.benchmark_colours(table)
    panels = list(colours)
    scale = alt.Scale(domain=panels, range=[colours[panel] for panel in panels])
    return alt.Color("benchmark:N", scale=scale, legend=None)


def influence_sql(side: str, measure: Measure) -> str:
    """Rows of the profile of a measure by `topic` or by `format`."""
    columns = ", ".join(f"i.{name}" for name in measure.columns)
    # Regions without documents are shown as such; a benchmark without the measure is not.
    known = f"where i.{measure.average} is not null" if measure.average else ""
    return f"""
        select i.model, i.method, i.benchmark,
            coalesce(b.domain, 'not told') as domain,
            coalesce(b.capability, 'not told') as capability, i.{side},
            i.n_documents, i.n_items, i.n_clusters, {columns}, i.is_z_doubtful
        from marts.{side}_influence as i
        join marts.benchmarks as b using (study, model, benchmark)
        {known}
        order by i.model, i.method, b.position, i.{side}
    """


def methods_sql(side: str, kept: int | None = None) -> str:
    """Rows of every method's support by `topic`, `format` or `bin`, where a model has several
    methods that have any; of regions that are among the `kept` surest of one, where that is said.
    """
    regions = ", ".join({"bin": ("i.topic", "i.format")}.get(side, (f"i.{side}",)))
    columns = ", ".join(f"i.{name}" for name in SUPPORT.columns)
    surest = f"qualify min(i.place) over (partition by i.model, i.benchmark, {regions}) <= {kept}"
    return f"""
        with known as (
            select i.*, m.position as method_position, b.position as benchmark_position,
                coalesce(b.domain, 'not told') as domain,
                coalesce(b.capability, 'not told') as capability,
                row_number() over (
                    partition by i.model, i.method, i.benchmark
                    order by i.support_t desc nulls last, {regions}
                ) as place
            from marts.{side}_influence as i
            join marts.methods as m using (study, model, method)
            join marts.benchmarks as b using (study, model, benchmark)
            where i.benchmark_support is not null
        )

        select i.model, i.method, i.benchmark, i.domain, i.capability, {regions},
            i.n_documents, i.n_items, i.n_clusters, {columns}
        from known as i
        where i.model in (select model from known group by model having count(distinct method) > 1)
        {surest if kept else ""}
        order by i.model, i.benchmark_position, i.method_position, {regions}
    """
