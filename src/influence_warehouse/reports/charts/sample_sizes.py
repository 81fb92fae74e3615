"""How many documents stand behind each bin?"""

import altair as alt
import polars as pl

from influence_warehouse.reports import grids, labels, theme
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS


def draw(table: pl.DataFrame) -> alt.LayerChart:
    """Documents sampled per bin, written in the cell; empty bins are hatched.

    Reads marts.bins: topic, format, population_documents, sampled_documents, stratum.
    """
    rows = _sample_rows(grids.shown_rows(table, "sampled_documents"))
    most = max(1, *rows["sampled_documents"].to_list())
    colour = alt.Color(
        "sampled_documents:Q",
        scale=alt.Scale(scheme=theme.SEQUENTIAL, domain=[0, most], nice=False),
        legend=alt.Legend(title="documents sampled", gradientLength=180, format=",d"),
    )
    base = alt.Chart(rows).encode(*grids.axes_of(rows, table), tooltip=_sample_tooltip(rows, table))
    cells = grids.cells(base, "datum.sampled_documents > 0", colour)
    # Light figures on the dark half of the scale.
    ink = alt.condition(
        f"datum.sampled_documents > {0.55 * most}", alt.value("white"), alt.value(theme.INK)
    )
    figures = (
        base.transform_filter("datum.sampled_documents > 0")
        .mark_text(fontSize=11)
        .encode(
            text=alt.Text("sampled_documents:Q", format="d" if most < 1000 else ".2~s"), color=ink
        )
    )
    return theme.framed(
        grids.sized(rows, *cells, grids.noted(base, [grids.EMPTY_NOTE]), figures),
        CHARTS["sample_sizes"],
        [*_sample_notes(table), *grids.left_out(rows, table)],
    )


def _sample_rows(table: pl.DataFrame) -> pl.DataFrame:
    return table.with_columns(
        labels.titled("topic"),
        labels.titled("format"),
        pl.when(pl.col("sampled_documents") == 0).then(pl.lit(grids.EMPTY_NOTE)).alias("note"),
    ).select(
        *("topic_title", "format_title", "population_documents"),
        *("sampled_documents", "stratum", "note"),
    )


def _sample_tooltip(rows: pl.DataFrame, table: pl.DataFrame) -> list[alt.Tooltip]:
    return theme.tooltips(
        rows,
        alt.Tooltip("topic_title:N", title=labels.grouping(table, "topic")),
        alt.Tooltip("format_title:N", title=labels.grouping(table, "format") or "documents"),
        alt.Tooltip("sampled_documents:Q", title="documents sampled", format=","),
        alt.Tooltip("population_documents:Q", title="documents in the corpus", format=","),
        alt.Tooltip("stratum:N"),
    )


def _sample_notes(table: pl.DataFrame) -> list[str]:
    sampled, population = (
        int(table[column].sum()) for column in ("sampled_documents", "population_documents")
    )
    sizes = table["sampled_documents"]
    if table["population_documents"].null_count():
        return [
            f"{labels.count(sampled, 'document')} scored, at most {max(sizes.to_list()):,} a bin; "
            "how many the corpus has is not known.",
            f"{labels.count(int((sizes == 0).sum()), 'bin')} without documents.",
        ]
    empty, all_taken = (
        int((sizes == 0).sum()),
        table.filter(
            (pl.col("sampled_documents") > 0)
            & (pl.col("sampled_documents") == pl.col("population_documents"))
        ),
    )
    return [
        f"{sampled:,} of {labels.count(population, 'document')} sampled, at most "
        f"{labels.count(max(sizes.to_list()), 'document')} a bin.",
        f"{labels.count(empty, 'bin')} without documents; in "
        f"{labels.count(all_taken.height, 'bin')} every document there is was taken.",
    ]


CHART = Chart(
    sql="""
    select topic, format, population_documents, sampled_documents, stratum
    from marts.bins
    order by bin_id
    """,
    draw=draw,
    page="health",
    place=2,
)
