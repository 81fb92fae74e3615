"""What are the texts like that support a benchmark most?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS

_ROW, _WIDTH = 19, 215  # pixels a term and a panel
_TOPICS_A_BENCHMARK = 3


def draw(table: pl.DataFrame) -> alt.ConcatChart:
    """Strength of each term in a benchmark's strongest topics: a row per benchmark.

    Reads marts.distinctive_terms joined to marts.topic_influence for one method:
    method, benchmark, domain, capability, topic, support, support_rank, z, place (1 to 3), rank,
    term, n_documents, region_documents, count, log_odds, z_score. Panels follow the rows' order.
    """
    rows = table.with_columns(
        labels.titled("topic", to="label"),
        pl.col("log_odds", "z_score").round(3),
    )
    noun = labels.grouping(table, "topic")
    colours = theme.benchmark_colours(table)
    largest = float(table["z_score"].max() or 0)  # type: ignore[arg-type]
    panels = [
        _panel(panel, noun, colours[str(benchmark)], largest)
        for (benchmark, _), panel in rows.group_by("benchmark", "topic", maintain_order=True)
    ]
    chart = alt.concat(*panels, columns=_TOPICS_A_BENCHMARK, spacing=28)
    return theme.framed(
        chart,
        CHARTS["distinctive_terms"],
        [
            f"{labels.scored_by(table)}. Terms that set a {noun} apart from all others, for "
            f"the {_TOPICS_A_BENCHMARK} first {labels.plural(noun)} of each benchmark by "
            f"{_order(table)}.",
            "Bars: log-odds over its approximate standard error; it ranks terms and is no test.",
        ],
    )


def _panel(rows: pl.DataFrame, noun: str, colour: str, largest: float) -> alt.Chart:
    benchmark, topic, rank = rows.select("benchmark", "label", "support_rank").row(0)
    shown = rows.select("term", "n_documents", "region_documents", "count", "log_odds", "z_score")
    title = alt.Title(
        f"{rank}. {topic}" if rank else topic,
        subtitle=[str(benchmark), _standing(rows)],
        fontSize=14,
        offset=6,
    )
    return (
        alt.Chart(shown)
        .mark_bar(color=colour, height={"band": 0.7})
        .encode(
            y=alt.Y("term:N", sort=None, title=None, axis=alt.Axis(ticks=False, labelLimit=130)),
            x=alt.X(
                "z_score:Q",
                title=f"strength in the {noun}",
                scale=alt.Scale(domain=[0, largest]),
                axis=alt.Axis(tickCount=4, grid=True),
            ),
            tooltip=[
                alt.Tooltip("term:N"),
                alt.Tooltip("n_documents:Q", title="documents that use it"),
                alt.Tooltip("region_documents:Q", title=f"documents of the {noun}"),
                alt.Tooltip("count:Q", title=f"uses in the {noun}"),
                alt.Tooltip("log_odds:Q", title="log-odds", format=".2f"),
                alt.Tooltip("z_score:Q", title="over its error", format=".1f"),
            ],
        )
        .properties(title=title, width=_WIDTH, height=_ROW * rows.height)
    )


def _order(table: pl.DataFrame) -> str:
    if table["support"].is_null().all():
        return "z, for want of scores of single items"
    return "support over its error"


def _standing(rows: pl.DataFrame) -> str:
    """The topic's support and whether it is told from the average, or its z."""
    support, rank, z = rows.select("support", "support_rank", "z").row(0)
    if support is None:
        return f"z {z:+.2f}".replace("-", "\N{MINUS SIGN}")
    return f"support {support:.2f}" + ("" if rank else ", not told from the average")


CHART = Chart(
    sql="""
    with ranked as (
        select *, row_number() over (
            partition by model, method, benchmark
            order by support_t desc nulls last, z desc, topic
        ) as place
        from marts.topic_influence
        where z is not null
    )
    select i.model, i.method, i.benchmark,
        coalesce(b.domain, 'not told') as domain,
        coalesce(b.capability, 'not told') as capability,
        i.topic, i.support, i.support_rank, i.z, i.place,
        t.rank, t.term, t.n_documents, t.region_documents, t.count, t.log_odds, t.z_score
    from ranked as i
    join marts.distinctive_terms as t
        on t.study = i.study and t.level = 'topic' and t.topic = i.topic and t.rank <= 8
    join marts.benchmarks as b
        on b.study = i.study and b.model = i.model and b.benchmark = i.benchmark
    where i.place <= 3
    order by i.model, i.method, b.position, i.place, t.rank
    """,
    draw=draw,
    page="words",
    place=1,
    facets=("model", "method"),
    is_optional=True,
)
