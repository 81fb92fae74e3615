"""Is this difference real, does it hang on one bin, does forgetting it hurt? A marimo notebook.

`marimo edit docs/notebooks/real_difference.py` opens it, `python` runs it. It reads the
published copy alone: INFLUENCE_WAREHOUSE (default: warehouse) / INFLUENCE_STUDY (default: demo) /
influence.duckdb.
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
    # Is this difference real?

    A contrast is the difference of two benchmarks' mean z in one region, so it says little where
    `topic_influence.is_z_doubtful` of either. `q_value` below 0.05 is what a
    false discovery rate of 5 % over the topics of a contrast allows.
    """)


@app.cell
def _(connection):
    differences = connection.sql(
        """
        select method, contrast, topic, n_documents, delta_z, delta_z_low, delta_z_high, q_value
        from topic_contrasts
        where delta_z is not null
        order by q_value nulls last, abs(delta_z) desc, method, contrast, topic
        limit 20
        """
    ).pl()
    differences  # noqa: B018
    return (differences,)


@app.cell
def _(mo):
    mo.md("""
    ## Does it hang on one bin?

    The same difference with any one bin of the study left out. A range that crosses 0 means that a
    single bin decides its sign.
    """)


@app.cell
def _(alt, connection, mo):
    ranges = connection.sql(
        """
        select method || ', ' || contrast || ': ' || region as difference, delta_z,
            leave_one_bin_out_min, leave_one_bin_out_max, most_influential_bin, is_sign_kept
        from contrast_sensitivity
        where level = 'topic'
        order by abs(delta_z) desc, difference
        limit 20
        """
    ).pl()
    base = alt.Chart(ranges).encode(
        y=alt.Y("difference:N", sort=ranges["difference"].to_list(), title=None),
        tooltip=["difference", "delta_z", "most_influential_bin", "is_sign_kept"],
    )
    bars = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("leave_one_bin_out_min:Q", title="difference of z, any one bin left out"),
        x2="leave_one_bin_out_max:Q",
    )
    sensitivity = bars + base.mark_point(filled=True, size=50).encode(x="delta_z:Q")
    # A study without contrasts has no rows, and altair no chart of none.
    mo.md("This study has no contrasts.") if ranges.is_empty() else sensitivity
    return (ranges,)


@app.cell
def _(mo):
    mo.md("""
    ## Does forgetting it hurt?

    Damage to the benchmark by models that forgot what ranks first, beyond models that forgot as
    much at random. A study without unlearning has no such table, or an empty one.
    """)


@app.cell
def _(connection, mo):
    tables = {name for (name,) in connection.sql("show tables").fetchall()}
    verdicts = (
        connection.sql(
            """
            select method, benchmark, region, measure, n_runs, damage,
                more_than_random_in_topic, q_random_in_topic, more_than_random_global,
                q_random_global, more_than_others, more_than_others_low, is_held, reason
            from unlearning_verdicts
            order by method, objective, measure desc, benchmark, region nulls first
            """
        ).pl()
        if "unlearning_verdicts" in tables
        else None
    )
    mo.md("This study has no unlearning.") if verdicts is None else verdicts
    return (verdicts,)


if __name__ == "__main__":
    app.run()
