"""Which regions support which benchmark, and how sure is that? A marimo notebook.

`marimo edit docs/notebooks/support.py` opens it; `python docs/notebooks/support.py` runs it.
It reads the published copy alone: INFLUENCE_WAREHOUSE (default: warehouse) / INFLUENCE_STUDY
(default: demo) / influence.duckdb.
"""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os
    from pathlib import Path

    import altair as alt
    import duckdb
    import marimo as mo

    root = Path(os.environ.get("INFLUENCE_WAREHOUSE", "warehouse"))
    file = root / os.environ.get("INFLUENCE_STUDY", "demo") / "influence.duckdb"
    # Read-only: any number of people may have it open.
    connection = duckdb.connect(str(file), read_only=True)
    connection.execute("set search_path = 'marts'")
    return alt, connection, mo


@app.cell
def _(mo):
    mo.md("""
    # Which regions support which benchmark most?

    `support` is the mean of the squared scores above 0, in units of an item's mean squared score;
    `benchmark_support` is that of all documents. Regions stand in order of `support_t`, estimate
    over error; those with a `support_rank` are told from the average at q < 0.05, of the others no
    order is claimed. Intervals are over the `unit` (sources of items) and documents. `z`, the mean
    score against all bins', is the published recipe's measure; it says little where
    `is_z_doubtful`.
    """)


@app.cell
def _(connection, mo):
    def names(table: str, column: str) -> list[str]:
        rows = connection.sql(f"select {column} from {table} group by all order by min(position)")
        return [name for (name,) in rows.fetchall()]

    benchmark, method = (
        mo.ui.dropdown(values := names(table, column), value=values[0], label=column)
        for table, column in (("benchmarks", "benchmark"), ("methods", "method"))
    )
    mo.hstack([benchmark, method])
    return benchmark, method


@app.cell
def _(benchmark, connection, method):
    topics = connection.sql(
        """
        select topic, n_documents, support_rank, support, support_low, support_high,
            benchmark_support, support_q_value, unit, n_clusters, z, is_z_doubtful
        from topic_influence
        where benchmark = ? and method = ? and z is not null
        order by support_t desc nulls last, z desc, topic
        """,
        params=[benchmark.value, method.value],
    ).pl()
    topics  # noqa: B018
    return (topics,)


@app.cell
def _(alt, topics):
    base = alt.Chart(topics).encode(y=alt.Y("topic:N", sort=topics["topic"].to_list(), title=None))
    bars = base.mark_rule().encode(x=alt.X("support_low:Q", title="support"), x2="support_high:Q")
    points = base.mark_point(filled=True, size=50).encode(
        x="support:Q", tooltip=["topic", "n_documents", "support", "support_q_value", "z"]
    )
    average = alt.Chart(topics).mark_rule(color="grey").encode(x="mean(benchmark_support):Q")
    chart = average + bars + points
    chart  # noqa: B018
    return (chart,)


@app.cell
def _(mo):
    mo.md("""
    ## Bins, thin ones held back

    The largest support of 576 bins is often that of a bin of one document. By estimate over error
    such a bin does not lead for its size alone; here bins of one or two documents stand last
    whatever they show.
    """)


@app.cell
def _(benchmark, connection, method):
    bins = connection.sql(
        """
        select topic, format, n_documents, support_rank, support, support_low, support_high,
            benchmark_support, support_q_value, z,
            row_number() over (order by support desc nulls last, bin_id) as place_by_support
        from bin_influence
        where benchmark = ? and method = ? and z is not null
        order by n_documents < 3, support_t desc nulls last, z desc, bin_id
        limit 15
        """,
        params=[benchmark.value, method.value],
    ).pl()
    bins  # noqa: B018
    return (bins,)


if __name__ == "__main__":
    app.run()
