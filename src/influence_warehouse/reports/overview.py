"""What to look at before any ranking: the model's accuracy, and how benchmarks go together.

Belongs here: charts with benchmarks, or pairs of them, as rows.
"""

from typing import Any

import altair as alt
import polars as pl

from influence_warehouse.reports import labels, theme

_ROW = 26  # pixels a benchmark or pair
_WIDTH = 480


def benchmark_accuracy(table: pl.DataFrame) -> alt.LayerChart:
    """Accuracy of the base model per benchmark with its interval, against chance.

    Reads marts.benchmarks: benchmark, domain, capability, n_items, accuracy, accuracy_low,
    accuracy_high, chance. Rows keep their order.
    """
    rows = table.with_columns(
        labels.named("benchmark", table["benchmark"]),
        labels.interval("accuracy_low", "accuracy_high"),
    ).select(
        *("benchmark", "benchmark_title", "domain", "capability", "n_items", "accuracy"),
        *("accuracy_low", "accuracy_high", "chance", "interval"),
    )
    return theme.framed(
        _accuracy_layers(rows, theme.benchmark_colours(table)).properties(
            width=_WIDTH, height=_ROW * rows.height
        ),
        "Can the base model do the benchmarks at all?",
        [
            f"Accuracy over {labels.count(int(table['n_items'].sum()), 'item')} "
            "(log-likelihood of the choices); bars: 95 % Wilson intervals.",
            "Black tick: chance, guessing among each item's choices.",
        ],
    )


def _accuracy_layers(
    rows: pl.DataFrame, colours: dict[str, str]
) -> alt.LayerChart | alt.FacetChart:
    order = rows["benchmark_title"].to_list()
    scale = alt.Scale(domain=order, range=[colours[slug] for slug in rows["benchmark"]])
    colour = alt.Color("benchmark_title:N", scale=scale, legend=None)
    base = alt.Chart(rows).encode(
        y=alt.Y("benchmark_title:N", sort=order, title=None, axis=alt.Axis(ticks=False, grid=True)),
        tooltip=[
            alt.Tooltip("benchmark_title:N", title="benchmark"),
            *("domain:N", "capability:N"),
            alt.Tooltip("n_items:Q", title="items", format=","),
            alt.Tooltip("accuracy:Q", format=".1%"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("chance:Q", format=".1%"),
        ],
    )
    x: dict[str, Any] = {
        "title": "accuracy",
        "scale": alt.Scale(domain=[0, 1]),
        "axis": alt.Axis(format="%", grid=False),
    }
    return alt.layer(
        base.mark_tick(color=theme.INK, thickness=2, size=20, opacity=1).encode(
            x=alt.X("chance:Q", **x)
        ),
        base.mark_rule(strokeWidth=2.5).encode(
            x=alt.X("accuracy_low:Q", **x), x2="accuracy_high:Q", color=colour
        ),
        base.mark_point(filled=True, size=90, opacity=1).encode(
            x=alt.X("accuracy:Q", **x), color=colour
        ),
    )


def correlations(table: pl.DataFrame) -> alt.LayerChart:
    """Correlation of each pair of benchmarks' profiles, and what a single region makes of it.

    Reads marts.benchmark_correlations for one method: method, level, benchmark_a, benchmark_b,
    n_regions, pearson, spearman, pearson_low, pearson_high, leave_one_out_min,
    leave_one_out_max, most_influential_bin.
    """
    rows = _pair_rows(table)
    levels = [level for level in ("bin", "topic", "format") if level in set(rows["level"])]
    height = _ROW * rows["pair"].n_unique()
    chart = (
        _correlation_layers(rows)
        .properties(width=_WIDTH // 2, height=height)
        .facet(
            facet=alt.Facet(
                "level:N",
                sort=levels,
                header=alt.Header(
                    title=None, labelAnchor="start", labelExpr="'Over ' + datum.value + 's'"
                ),
            ),
            columns=len(levels),
            spacing=40,
        )
    )
    return theme.framed(
        chart,
        "Do two benchmarks lean on the same regions?",
        [
            f"{labels.name(table['method'][0])}. Dot: Pearson correlation of the two profiles of "
            "z; diamond: Spearman.",
            labels.uncertainty(
                table["pearson_low"], "Line: 95 % two-way bootstrap interval of Pearson's."
            ),
            "Grey band: the Pearson correlations found when any one region is left out "
            "(a wide band means that it hangs on a single region).",
        ],
    )


def _pair_rows(table: pl.DataFrame) -> pl.DataFrame:
    pair = pl.concat_str(
        pl.col("benchmark_a_title"), pl.lit(" \N{MULTIPLICATION SIGN} "), "benchmark_b_title"
    )
    return table.with_columns(
        labels.named("benchmark_a", table["benchmark_a"]),
        labels.named("benchmark_b", table["benchmark_b"]),
        labels.interval("pearson_low", "pearson_high"),
        labels.interval("leave_one_out_min", "leave_one_out_max", to="leave_one_out"),
    ).select(
        pair.alias("pair"),
        *("level", "n_regions", "pearson", "spearman", "pearson_low", "pearson_high"),
        *("interval", "leave_one_out_min", "leave_one_out_max", "leave_one_out"),
        "most_influential_bin",
    )


def _correlation_layers(rows: pl.DataFrame) -> alt.LayerChart | alt.FacetChart:
    base = alt.Chart(rows).encode(
        y=alt.Y("pair:N", sort=None, title=None, axis=alt.Axis(ticks=False, grid=True)),
        tooltip=[
            *("pair:N", "level:N"),
            alt.Tooltip("n_regions:Q", title="regions compared"),
            alt.Tooltip("pearson:Q", format="+.2f"),
            alt.Tooltip("interval:N", title="95 % interval"),
            alt.Tooltip("spearman:Q", format="+.2f"),
            alt.Tooltip("leave_one_out:N", title="with one region left out"),
            alt.Tooltip("most_influential_bin:N", title="region that moves it most"),
        ],
    )
    x: dict[str, Any] = {
        "title": "correlation",
        "scale": alt.Scale(domain=[-1, 1]),
        "axis": alt.Axis(values=[-1, -0.5, 0, 0.5, 1], grid=False),
    }
    zero = alt.Chart(rows).mark_rule(color=theme.MUTED, strokeWidth=1).encode(x=alt.datum(0))
    return alt.layer(
        zero,
        base.mark_bar(height=14, color="#cfcfcf").encode(
            x=alt.X("leave_one_out_min:Q", **x), x2="leave_one_out_max:Q"
        ),
        base.mark_rule(strokeWidth=2, color=theme.OPPOSES).encode(
            x=alt.X("pearson_low:Q", **x), x2="pearson_high:Q"
        ),
        base.mark_point(filled=True, size=60, opacity=1, color=theme.OPPOSES).encode(
            x=alt.X("pearson:Q", **x)
        ),
        base.mark_point(size=60, shape="diamond", color=theme.SUPPORTS, opacity=1).encode(
            x=alt.X("spearman:Q", **x)
        ),
    )
