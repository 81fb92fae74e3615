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

    `z` compares a region's mean score with all bins'; above 0 is above their mean. Ask for its
    error and its interval each time: a region of few documents moves by chance alone.
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
        select topic, n_documents, z, z_standard_error, z_low, z_high, shrunken_z, q_value
        from topic_influence
        where benchmark = ? and method = ? and z is not null
        order by z desc, topic
        """,
        params=[benchmark.value, method.value],
    ).pl()
    topics  # noqa: B018
    return (topics,)


@app.cell
def _(alt, topics):
    base = alt.Chart(topics).encode(y=alt.Y("topic:N", sort=topics["topic"].to_list(), title=None))
    chart = base.mark_rule().encode(x=alt.X("z_low:Q", title="z"), x2="z_high:Q") + base.mark_point(
        filled=True, size=50
    ).encode(x="z:Q", tooltip=["topic", "n_documents", "z", "z_low", "z_high", "q_value"])
    chart  # noqa: B018
    return (chart,)


@app.cell
def _(mo):
    mo.md("""
    ## Bins, thin ones held back

    The largest z of 576 bins is often a bin of one document. `shrunken_z` pulls each bin towards
    the centre by as much as its error asks for, so the order below is safer to quote.
    """)


@app.cell
def _(benchmark, connection, method):
    bins = connection.sql(
        """
        select topic, format, n_documents, z, z_low, z_high, shrunken_z, q_value,
            row_number() over (order by z desc, bin_id) as place_by_z
        from bin_influence
        where benchmark = ? and method = ? and z is not null
        order by shrunken_z desc nulls last, z desc, bin_id
        limit 15
        """,
        params=[benchmark.value, method.value],
    ).pl()
    bins  # noqa: B018
    return (bins,)


if __name__ == "__main__":
    app.run()
