"""Charts as pure functions: what is drawn is what the table says."""

import altair as alt
import polars as pl
import pytest

from influence_warehouse import taxonomy
from influence_warehouse.reports import theme
from influence_warehouse.reports.charts import (
    benchmark_accuracy,
    bin_heatmap,
    concentration,
    correlations,
    distinctive_terms,
    format_contrast,
    format_profile,
    right_versus_wrong,
    sample_sizes,
    topic_contrast,
    topic_profile,
)
from tests import report_tables


def _with_factors(table: pl.DataFrame) -> pl.DataFrame:
    factors = report_tables.benchmarks().select("benchmark", "domain", "capability")
    return table.join(factors, on="benchmark", maintain_order="left")


def _heatmap_table() -> pl.DataFrame:
    return report_tables.bin_influence().filter(benchmark="social_situations")


def _terms_table() -> pl.DataFrame:
    """The three strongest topics of each benchmark with their terms, as the gallery reads them."""
    strongest = (
        _with_factors(report_tables.side_influence("topic"))
        .sort("benchmark", pl.col("z"), descending=[False, True])
        .with_columns(z_rank=pl.int_range(pl.len()).over("benchmark") + 1)
        .filter(pl.col("z_rank") <= 3)
        .select("model", "method", "benchmark", "domain", "capability", "topic", "z", "z_rank")
    )
    return strongest.join(
        report_tables.distinctive_terms(), on="topic", maintain_order="left_right"
    )


CHARTS = {
    "bin_heatmap": lambda: bin_heatmap.draw(_heatmap_table()),
    "sample_sizes": lambda: sample_sizes.draw(report_tables.bins()),
    "topic_profile": lambda: topic_profile.draw(
        _with_factors(report_tables.side_influence("topic"))
    ),
    "format_profile": lambda: format_profile.draw(
        _with_factors(report_tables.side_influence("format"))
    ),
    "topic_contrast": lambda: topic_contrast.draw(report_tables.side_contrasts("topic")),
    "format_contrast": lambda: format_contrast.draw(report_tables.side_contrasts("format")),
    "right_versus_wrong": lambda: right_versus_wrong.draw(report_tables.correctness_differences()),
    "benchmark_accuracy": lambda: benchmark_accuracy.draw(report_tables.benchmarks()),
    "concentration": lambda: concentration.draw(report_tables.concentration()),
    "correlations": lambda: correlations.draw(report_tables.correlations()),
    "distinctive_terms": lambda: distinctive_terms.draw(_terms_table()),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_a_pure_function_of_its_table(name):
    specification = CHARTS[name]().to_json()
    assert specification == CHARTS[name]().to_json()
    title = alt.Chart.from_json(specification).to_dict()["title"]
    assert title["text"].endswith("?")
    assert len(title["subtitle"]) >= 2


def _scales(node) -> list[dict]:
    """All scales with a domain in a specification."""
    if isinstance(node, list):
        return [scale for part in node for scale in _scales(part)]
    if not isinstance(node, dict):
        return []
    own = [node["scale"]] if "domain" in (node.get("scale") or {}) else []
    return own + [scale for part in node.values() for scale in _scales(part)]


def _rows(chart) -> list[dict]:
    (rows,) = chart.to_dict()["datasets"].values()
    return rows


def test_heatmap_colours_are_centred_at_zero_and_keep_true_values():
    table = _heatmap_table().with_columns(
        pl.when(pl.col("bin_id") == 300).then(16.0).otherwise(pl.col("z")).alias("z")
    )
    chart = bin_heatmap.draw(table)
    (scale,) = [s for s in _scales(chart.to_dict()) if s.get("scheme") == theme.DIVERGING]
    low, high = scale["domain"]
    assert low == -high
    assert scale["domainMid"] == 0
    assert high < 16
    assert max(row["z"] for row in _rows(chart) if row["z"] is not None) == 16


def test_heatmap_says_which_cells_lie_beyond_its_colours():
    """The published +16.0 must not look like the colours' end."""
    extremes = {300: 16.04, 301: -5.75}
    z = pl.col("bin_id").replace_strict(extremes, default=pl.col("z").clip(-1, 1))
    chart = bin_heatmap.draw(_heatmap_table().with_columns(z=z)).to_dict()
    (scale,) = [s for s in _scales(chart) if s.get("scheme") == theme.DIVERGING]
    assert scale["domain"] == [-1, 1]
    beyond = [row for row in chart["datasets"].popitem()[1] if row["z"] and abs(row["z"]) > 1]
    assert {row["shown_z"] for row in beyond} == {"16", "\N{MINUS SIGN}5.8"}
    texts = [layer for layer in chart["layer"] if layer["mark"]["type"] == "text"]
    assert all("abs(datum.z) > 1.0" in str(layer["transform"]) for layer in texts)
    assert "the 2 bins beyond carry their z" in " ".join(chart["title"]["subtitle"])
    legend = chart["layer"][0]["encoding"]["color"]["legend"]["labelExpr"]
    assert "\N{GREATER-THAN OR EQUAL TO}" in legend and "\N{LESS-THAN OR EQUAL TO}" in legend


def test_heatmap_of_values_within_its_colours_says_nothing_of_others():
    z = pl.when(pl.col("z").is_not_null()).then(pl.lit(0.5))
    chart = bin_heatmap.draw(_heatmap_table().with_columns(z=z)).to_dict()
    assert "beyond" not in " ".join(chart["title"]["subtitle"])
    legend = chart["layer"][0]["encoding"]["color"]["legend"]["labelExpr"]
    assert "\N{GREATER-THAN OR EQUAL TO}" not in legend


def test_heatmap_shows_all_bins_and_marks_empty_and_significant_ones():
    table = _heatmap_table()
    rows = _rows(bin_heatmap.draw(table))
    assert len(rows) == 576
    notes = pl.Series([row["note"] for row in rows])
    assert (notes == "no documents").sum() == table["z"].null_count() > 0
    expected = table.filter(pl.col("q_value") < theme.LEVEL).height
    assert (notes == theme.PASSES).sum() == expected > 0


def test_heatmap_of_bins_without_any_document_is_drawn():
    empty = _heatmap_table().with_columns(
        pl.lit(0).alias("n_documents"),
        *(pl.lit(None, pl.Float64).alias(name) for name in ("z", "z_low", "z_high", "q_value")),
    )
    assert {row["note"] for row in _rows(bin_heatmap.draw(empty))} == {"no documents"}


def test_concentration_says_where_noise_is_not_known():
    table = report_tables.concentration()
    words = " ".join(concentration.draw(table).to_dict()["title"]["subtitle"])
    assert "Mean score of the bins: noise is not known, it needs scores" in words
    known = concentration.draw(table.filter(pl.col("measure") != "mean")).to_dict()
    assert "not known" not in " ".join(known["title"]["subtitle"])


def test_profiles_order_regions_by_mean_z_over_the_benchmarks():
    table = report_tables.side_influence("topic")
    chart = topic_profile.draw(_with_factors(table)).to_dict()
    order = chart["spec"]["layer"][1]["encoding"]["y"]["sort"]
    means = table.group_by("topic").agg(pl.col("z").mean()).sort("z", descending=True)
    assert order == [taxonomy.TITLES[slug] for slug in means["topic"]]


def test_each_contrast_is_a_panel_that_says_its_directions():
    chart = topic_contrast.draw(report_tables.side_contrasts("topic")).to_dict()
    assert len(chart["concat"]) == len(report_tables.CONTRASTS)
    axis = str(chart["concat"][0]["layer"][1]["encoding"]["x"]["title"])
    assert "\N{LEFTWARDS ARROW} stem_situations" in axis
    assert "social_situations \N{RIGHTWARDS ARROW}" in axis


def test_a_contrast_is_called_as_the_study_writes_it_whatever_its_name_seems_to_say():
    contrast, a, b = "x_minus_y_minus_z", "mmlu_stem", "arc_minus_noise"
    table = report_tables.side_contrasts("topic").filter(contrast="reasoning_social_minus_stem")
    renamed = table.with_columns(
        contrast=pl.lit(contrast), benchmark_a=pl.lit(a), benchmark_b=pl.lit(b)
    )
    (panel,) = topic_contrast.draw(renamed).to_dict()["concat"]
    assert panel["title"]["text"] == contrast
    axis = panel["layer"][1]["encoding"]["x"]["title"]
    assert f"\N{LEFTWARDS ARROW} {b}" in axis
    assert f"{a} \N{RIGHTWARDS ARROW}" in axis


def test_contrast_arrows_point_at_the_benchmark_that_the_sign_favours():
    table = report_tables.side_contrasts("topic").filter(contrast="reasoning_social_minus_stem")
    (rows,) = topic_contrast.draw(table).to_dict()["datasets"].values()
    literature = next(row for row in rows if row["label"] == "Literature")
    assert literature["delta_z"] > 0
    assert literature["lean"] == "a"


def test_benchmarks_of_the_2x2_have_four_colours_whatever_their_order():
    rows = report_tables.benchmarks()
    colours = theme.benchmark_colours(rows)
    assert len(set(colours.values())) == 4
    assert colours == theme.benchmark_colours(rows.reverse())


def test_unknown_domains_and_many_capabilities_get_colours():
    rows = pl.DataFrame(
        {
            "benchmark": [f"b{n}" for n in range(12)],
            "domain": [f"d{n % 6}" for n in range(12)],
            "capability": [f"c{n % 4}" for n in range(12)],
        }
    )
    assert set(theme.benchmark_colours(rows)) == set(rows["benchmark"])


def test_terms_have_a_panel_per_strong_topic_in_order_of_their_rank():
    table = _terms_table()
    panels = distinctive_terms.draw(table).to_dict()["concat"]
    titles = [panel["title"]["text"] for panel in panels]
    assert len(titles) == 3 * len(report_tables.BENCHMARKS)
    assert [title[0] for title in titles] == ["1", "2", "3"] * len(report_tables.BENCHMARKS)
    limits = {panel["encoding"]["x"]["scale"]["domain"][1] for panel in panels}
    assert limits == {table["z_score"].max()}, "one scale lets panels be compared"


def _without_q(table: pl.DataFrame) -> pl.DataFrame:
    names = [name for name in table.columns if name.endswith(("_low", "_high", "q_value"))]
    return table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in names)


@pytest.mark.parametrize("name", ["topic_profile", "topic_contrast", "bin_heatmap"])
def test_a_q_that_is_not_known_is_neither_passed_nor_failed(name):
    """An import without items: points are not hollow, no legend of dots, no tooltips of nulls."""
    table = {
        "topic_profile": lambda: _with_factors(report_tables.side_influence("topic")),
        "topic_contrast": lambda: report_tables.side_contrasts("topic"),
        "bin_heatmap": _heatmap_table,
    }[name]()
    draw = {
        "topic_profile": topic_profile.draw,
        "topic_contrast": topic_contrast.draw,
        "bin_heatmap": bin_heatmap.draw,
    }[name]
    known, unknown = draw(table).to_json(), draw(_without_q(table)).to_json()
    assert '"title": "q"' in known and '"title": "q"' not in unknown
    assert '"95 % interval"' in known and '"95 % interval"' not in unknown
    assert "Intervals and q are not known: they need" in unknown
    shown = unknown.replace(f"datum.mark === '{theme.FAILS}'", "")
    assert theme.FAILS not in shown.replace("\\u2265", "\N{GREATER-THAN OR EQUAL TO}")
    assert f'"note": "{theme.PASSES}"' not in shown and f'"mark": "{theme.PASSES}"' not in shown


def test_points_without_q_among_others_are_grey_and_the_caption_says_so():
    table = _with_factors(report_tables.side_influence("topic"))
    one = pl.when(pl.col("benchmark") != "stem_facts").then("q_value")
    chart = topic_profile.draw(table.with_columns(q_value=one)).to_dict()
    assert "grey: q is not known" in " ".join(chart["title"]["subtitle"])
    marks = {(row["benchmark"] == "stem_facts", row["mark"]) for row in _rows_of(chart)}
    assert (True, theme.UNTESTED) in marks and (True, theme.FAILS) not in marks
    assert (False, theme.UNTESTED) not in marks
    assert "grey" not in str(topic_profile.draw(table).to_dict()["title"])


def _rows_of(chart: dict) -> list[dict]:
    return [row for rows in chart["datasets"].values() for row in rows]


def test_a_region_with_documents_and_without_a_value_is_not_said_to_have_none():
    """Where all bins are alike z is not known, however many documents there are."""
    nothing = pl.lit(None, pl.Float64)
    profile = _with_factors(report_tables.side_influence("topic")).with_columns(z=nothing)
    assert {row["absence"] for row in _rows_of(topic_profile.draw(profile).to_dict())} == {
        theme.NOT_KNOWN
    }
    filled = _heatmap_table().with_columns(z=nothing, q_value=nothing)
    notes = {row["note"] for row in _rows_of(bin_heatmap.draw(filled).to_dict())}
    assert notes == {theme.NO_DOCUMENTS, theme.NOT_KNOWN}
