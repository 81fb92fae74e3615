"""Which topics have a higher mean score for right answers than for wrong ones?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import contrasts
from influence_warehouse.reports.chart import Chart


def draw(table: pl.DataFrame) -> alt.ConcatChart:
    """Difference of z between right and wrong answers per topic, a panel per benchmark.

    Reads marts.correctness_differences of topics for one method: method, benchmark, topic,
    n_items_correct, n_items_incorrect, n_documents, delta_z, delta_z_low, delta_z_high, q_value,
    doubtful.
    """
    counts = table.unique("benchmark", maintain_order=True).select(
        "benchmark", "n_items_correct", "n_items_incorrect"
    )
    items = "; ".join(
        f"{name} {right} right, {wrong} wrong" for name, right, wrong in counts.rows()
    )
    sides = {"benchmark_a": pl.lit("right answers"), "benchmark_b": pl.lit("wrong answers")}
    return contrasts.contrasts(
        table.with_columns(contrast="benchmark", **sides),
        ("topic", "format"),
        "have a higher mean score for right answers than for wrong ones?",
        "z of the items answered right minus z of those answered wrong",
        f"Items: {items}.",
    )


CHART = Chart(
    sql="""
    select d.model, d.method, d.benchmark, d.topic, d.n_items_correct, d.n_items_incorrect,
        d.n_documents, d.delta_z, d.delta_z_low, d.delta_z_high, d.q_value,
        case when i.is_z_doubtful then d.benchmark end as doubtful
    from marts.correctness_differences as d
    join marts.benchmarks as b using (study, model, benchmark)
    left join marts.topic_influence as i using (study, model, method, benchmark, topic)
    where d.level = 'topic' and d.n_items_correct > 0 and d.n_items_incorrect > 0
    order by d.model, d.method, b.position, d.topic
    """,
    draw=draw,
    page="contrasts",
    place=3,
    facets=(
        "model",
        "method",
    ),
    is_optional=True,
)
