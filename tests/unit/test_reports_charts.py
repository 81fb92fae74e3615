"""Charts as pure functions: what is drawn is what the table says."""

import altair as alt
import polars as pl
import pytest

from influence_warehouse import taxonomy
from influence_warehouse.reports import theme
from influence_warehouse.reports.charts import (
    benchmark_accuracy,
    bin_heatmap,
    bin_methods,
    bin_z_heatmap,
    concentration,
    correlations,
    distinctive_terms,
    format_contrast,
    format_methods,
    format_profile,
    format_z_profile,
    method_agreement,
    right_versus_wrong,
    sample_sizes,
    topic_contrast,
    topic_methods,
    topic_profile,
    topic_z_profile,
)
from influence_warehouse.reports.measures import SUPPORT, Z
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
        .sort("benchmark", pl.col("support_t"), descending=[False, True])
        .with_columns(place=pl.int_range(pl.len()).over("benchmark") + 1)
        .filter(pl.col("place") <= 3)
        .select(
            *("model", "method", "benchmark", "domain", "capability", "topic"),
            *("support", "support_rank", "z", "place"),
        )
    )
    return strongest.join(
        report_tables.distinctive_terms(), on="topic", maintain_order="left_right"
    )


def _contrast_table(side: str) -> pl.DataFrame:
    return report_tables.side_contrasts(side).with_columns(doubtful=pl.lit("stem_facts"))


def _agreement_table() -> pl.DataFrame:
    return _with_factors(report_tables.method_agreement())


def _methods_table(side: str) -> pl.DataFrame:
    """Support for one benchmark by a method and by one that finds nothing."""
    rows = report_tables.bin_influence().head(40) if side == "bin" else None
    table = report_tables.side_influence(side) if rows is None else rows
    own = _with_factors(table).filter(benchmark="social_situations")
    average = pl.col("benchmark_support")
    nothing = own.with_columns(
        method=pl.lit("random"), support=average, support_t=pl.lit(0.0), support_q_value=pl.lit(0.9)
    )
    return pl.concat([own, nothing])


CHARTS = {
    "bin_heatmap": lambda: bin_heatmap.draw(_heatmap_table()),
    "bin_z_heatmap": lambda: bin_z_heatmap.draw(_heatmap_table()),
    "topic_z_profile": lambda: topic_z_profile.draw(
        _with_factors(report_tables.side_influence("topic"))
    ),
    "format_z_profile": lambda: format_z_profile.draw(
        _with_factors(report_tables.side_influence("format"))
    ),
    "sample_sizes": lambda: sample_sizes.draw(report_tables.bins()),
    "topic_profile": lambda: topic_profile.draw(
        _with_factors(report_tables.side_influence("topic"))
    ),
    "format_profile": lambda: format_profile.draw(
        _with_factors(report_tables.side_influence("format"))
    ),
    "topic_contrast": lambda: topic_contrast.draw(_contrast_table("topic")),
    "format_contrast": lambda: format_contrast.draw(_contrast_table("format")),
    "right_versus_wrong": lambda: right_versus_wrong.draw(
        report_tables.correctness_differences().with_columns(doubtful=pl.lit(None, pl.String))
    ),
    "benchmark_accuracy": lambda: benchmark_accuracy.draw(report_tables.benchmarks()),
    "concentration": lambda: concentration.draw(report_tables.concentration()),
    "correlations": lambda: correlations.draw(report_tables.correlations()),
    "distinctive_terms": lambda: distinctive_terms.draw(_terms_table()),
    "method_agreement": lambda: method_agreement.draw(_agreement_table()),
    "topic_methods": lambda: topic_methods.draw(_methods_table("topic")),
    "format_methods": lambda: format_methods.draw(_methods_table("format")),
    "bin_methods": lambda: bin_methods.draw(_methods_table("bin")),
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


HEATMAPS = ((bin_heatmap, SUPPORT, 0.5), (bin_z_heatmap, Z, 0.0))


@pytest.mark.parametrize(("heatmap", "measure", "average"), HEATMAPS)
def test_heatmap_colours_meet_at_the_average_and_keep_true_values(heatmap, measure, average):
    value = pl.col(measure.value)
    far = pl.when(pl.col("bin_id") == 300).then(16.0).otherwise(value)
    chart = heatmap.draw(_heatmap_table().with_columns(far.alias(measure.value)))
    (scale,) = [s for s in _scales(chart.to_dict()) if s.get("scheme") == theme.DIVERGING]
    low, high = scale["domain"]
    assert scale["domainMid"] == average
    assert low == pytest.approx(2 * average - high if measure is Z else max(0, 2 * average - high))
    assert high < 16
    values = [row[measure.value] for row in _rows(chart)]
    assert max(value for value in values if value is not None) == 16


def test_heatmap_says_which_cells_lie_beyond_its_colours():
    """The published +16.0 must not look like the colours' end."""
    extremes = {300: 16.04, 301: -5.75}
    z = pl.col("bin_id").replace_strict(extremes, default=pl.col("z").clip(-1, 1))
    chart = bin_z_heatmap.draw(_heatmap_table().with_columns(z=z)).to_dict()
    (scale,) = [s for s in _scales(chart) if s.get("scheme") == theme.DIVERGING]
    assert scale["domain"] == [-1, 1]
    beyond = [row for row in chart["datasets"].popitem()[1] if row["z"] and abs(row["z"]) > 1]
    assert {row["shown"] for row in beyond} == {"16", "\N{MINUS SIGN}5.8"}
    texts = [layer for layer in chart["layer"] if layer["mark"]["type"] == "text"]
    assert texts and all("datum.z > 1.0" in str(layer["transform"]) for layer in texts)
    assert "the 2 bins beyond carry their value" in " ".join(chart["title"]["subtitle"])
    legend = chart["layer"][0]["encoding"]["color"]["legend"]["labelExpr"]
    assert "\N{GREATER-THAN OR EQUAL TO}" in legend and "\N{LESS-THAN OR EQUAL TO}" in legend


@pytest.mark.parametrize(("heatmap", "measure", "average"), HEATMAPS)
def test_heatmap_of_values_within_its_colours_says_nothing_of_others(heatmap, measure, average):
    value = pl.when(pl.col(measure.value).is_not_null()).then(pl.lit(average + 0.3))
    chart = heatmap.draw(_heatmap_table().with_columns(value.alias(measure.value))).to_dict()
    assert "beyond carry" not in " ".join(chart["title"]["subtitle"])
    legend = chart["layer"][0]["encoding"]["color"]["legend"]["labelExpr"]
    assert "\N{GREATER-THAN OR EQUAL TO}" not in legend


@pytest.mark.parametrize(("heatmap", "measure", "average"), HEATMAPS)
def test_heatmap_shows_all_bins_and_marks_empty_and_significant_ones(heatmap, measure, average):
    table = _heatmap_table()
    rows = _rows(heatmap.draw(table))
    assert len(rows) == 576
    notes = pl.Series([row["note"] for row in rows])
    assert (notes == "no documents").sum() == table[measure.value].null_count() > 0
    expected = table.filter(pl.col(measure.q_value) < theme.LEVEL).height
    assert (notes == theme.PASSES).sum() == expected > 0


@pytest.mark.parametrize(("heatmap", "measure", "average"), HEATMAPS)
def test_heatmap_of_bins_without_any_document_is_drawn(heatmap, measure, average):
    empty = _heatmap_table().with_columns(
        pl.lit(0).alias("n_documents"),
        *(pl.lit(None, pl.Float64).alias(name) for name in measure.columns),
    )
    assert {row["note"] for row in _rows(heatmap.draw(empty))} == {"no documents"}


def _order_of(chart) -> list[str]:
    return chart.to_dict()["spec"]["layer"][1]["encoding"]["y"]["sort"]


def test_concentration_says_where_noise_is_not_known():
    table = report_tables.concentration()
    words = " ".join(concentration.draw(table).to_dict()["title"]["subtitle"])
    assert "Mean score of the bins: noise is not known, it needs scores" in words
    known = concentration.draw(table.filter(pl.col("measure") != "mean")).to_dict()
    assert "not known" not in " ".join(known["title"]["subtitle"])


def test_z_profiles_order_regions_by_mean_z_over_the_benchmarks():
    table = report_tables.side_influence("topic")
    means = table.group_by("topic").agg(pl.col("z").mean()).sort("z", descending=True)
    order = _order_of(topic_z_profile.draw(_with_factors(table)))
    assert order == [taxonomy.TITLES[slug] for slug in means["topic"]]


def test_support_profiles_put_first_what_any_benchmark_is_surest_of():
    table = report_tables.side_influence("topic")
    told = table.filter(pl.col("support_rank").is_not_null())["topic"].unique().to_list()
    order = _order_of(topic_profile.draw(_with_factors(table)))
    assert 0 < len(told) < 24
    assert set(order[: len(told)]) == {taxonomy.TITLES[slug] for slug in told}


def test_support_profiles_fill_what_is_told_apart_and_say_the_unit():
    table = report_tables.side_influence("topic")
    chart = topic_profile.draw(_with_factors(table))
    filled = [row for row in _rows(chart) if row["mark"] == theme.PASSES]
    assert len(filled) == table["support_rank"].count()
    assert {row["average"] for row in _rows(chart)} == {0.5}
    assert "10 sources of 72 items" in " ".join(chart.to_dict()["title"]["subtitle"])


def test_a_doubtful_z_is_said_on_its_panel_and_below_the_question():
    chart = topic_z_profile.draw(_with_factors(report_tables.side_influence("topic")))
    panels = {row["benchmark"]: row["panel"] for row in _rows(chart)}
    assert panels == {
        name: f"{name} (doubtful)" if name == "stem_facts" else name
        for name in report_tables.BENCHMARKS
    }
    for name, is_doubtful in (("stem_facts", True), ("social_facts", False)):
        drawn = bin_z_heatmap.draw(report_tables.bin_influence().filter(benchmark=name))
        assert (f"doubtful for {name}" in str(drawn.to_dict()["title"])) == is_doubtful


def test_each_contrast_is_a_panel_that_says_its_directions():
    chart = topic_contrast.draw(_contrast_table("topic")).to_dict()
    assert len(chart["concat"]) == len(report_tables.CONTRASTS)
    axis = str(chart["concat"][0]["layer"][1]["encoding"]["x"]["title"])
    assert "\N{LEFTWARDS ARROW} stem_situations" in axis
    assert "social_situations \N{RIGHTWARDS ARROW}" in axis


def test_a_contrast_is_called_as_the_study_writes_it_whatever_its_name_seems_to_say():
    contrast, a, b = "x_minus_y_minus_z", "mmlu_stem", "arc_minus_noise"
    table = _contrast_table("topic").filter(contrast="reasoning_social_minus_stem")
    renamed = table.with_columns(
        contrast=pl.lit(contrast), benchmark_a=pl.lit(a), benchmark_b=pl.lit(b)
    )
    (panel,) = topic_contrast.draw(renamed).to_dict()["concat"]
    assert panel["title"]["text"] == contrast
    axis = panel["layer"][1]["encoding"]["x"]["title"]
    assert f"\N{LEFTWARDS ARROW} {b}" in axis
    assert f"{a} \N{RIGHTWARDS ARROW}" in axis


def test_contrast_arrows_point_at_the_benchmark_that_the_sign_favours():
    table = _contrast_table("topic").filter(contrast="reasoning_social_minus_stem")
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


def test_terms_have_a_panel_per_strong_topic_numbered_where_told_apart():
    table = _terms_table()
    panels = distinctive_terms.draw(table).to_dict()["concat"]
    assert len(panels) == 3 * len(report_tables.BENCHMARKS)
    ranks = table.unique(["benchmark", "topic"], maintain_order=True)["support_rank"]
    assert 0 < ranks.null_count() < len(panels)
    for panel, rank in zip(panels, ranks, strict=True):
        is_numbered = panel["title"]["text"].startswith(f"{rank}. ")
        assert is_numbered == (rank is not None)
        assert ("not told from the average" in str(panel["title"])) == (rank is None)
    limits = {panel["encoding"]["x"]["scale"]["domain"][1] for panel in panels}
    assert limits == {table["z_score"].max()}, "one scale lets panels be compared"


def test_terms_of_a_study_without_items_stand_by_z():
    unknown = [
        pl.lit(None, pl.Float64).alias("support"),
        pl.lit(None, pl.Int64).alias("support_rank"),
    ]
    chart = distinctive_terms.draw(_terms_table().with_columns(unknown)).to_dict()
    assert all(panel["title"]["subtitle"][1].startswith("z ") for panel in chart["concat"])
    assert "for want of scores of single items" in str(chart["title"])


@pytest.mark.parametrize(
    ("low", "share", "said"),
    [(-0.2, 0.1, "95 % interval"), (None, -0.1, "share of signal"), (None, None, "single items")],
)
def test_correlations_state_the_preconditioner_and_why_there_is_no_interval(low, share, said):
    table = report_tables.correlations().with_columns(
        pearson_low=pl.lit(low, pl.Float64), signal_share_a=pl.lit(share, pl.Float64)
    )
    subtitle = " ".join(correlations.draw(table).to_dict()["title"]["subtitle"])
    assert "Preconditioner: documents;" in subtitle
    assert said in subtitle


def _without_q(table: pl.DataFrame) -> pl.DataFrame:
    names = [name for name in table.columns if name.endswith(("_low", "_high", "q_value"))]
    return table.with_columns(pl.lit(None, pl.Float64).alias(name) for name in names)


@pytest.mark.parametrize("name", ["topic_z_profile", "topic_contrast", "bin_z_heatmap"])
def test_a_q_that_is_not_known_is_neither_passed_nor_failed(name):
    """An import without items: points are not hollow, no legend of dots, no tooltips of nulls."""
    table = {
        "topic_z_profile": lambda: _with_factors(report_tables.side_influence("topic")),
        "topic_contrast": lambda: _contrast_table("topic"),
        "bin_z_heatmap": _heatmap_table,
    }[name]()
    draw = {
        "topic_z_profile": topic_z_profile.draw,
        "topic_contrast": topic_contrast.draw,
        "bin_z_heatmap": bin_z_heatmap.draw,
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
    chart = topic_z_profile.draw(table.with_columns(q_value=one)).to_dict()
    assert "grey: q is not known" in " ".join(chart["title"]["subtitle"])
    marks = {(row["benchmark"] == "stem_facts", row["mark"]) for row in _rows_of(chart)}
    assert (True, theme.UNTESTED) in marks and (True, theme.FAILS) not in marks
    assert (False, theme.UNTESTED) not in marks
    assert "grey" not in str(topic_z_profile.draw(table).to_dict()["title"])


def _rows_of(chart: dict) -> list[dict]:
    return [row for rows in chart["datasets"].values() for row in rows]


def test_a_region_with_documents_and_without_a_value_is_not_said_to_have_none():
    """Where all bins are alike z is not known, however many documents there are."""
    nothing = pl.lit(None, pl.Float64)
    profile = _with_factors(report_tables.side_influence("topic")).with_columns(z=nothing)
    assert {row["absence"] for row in _rows_of(topic_z_profile.draw(profile).to_dict())} == {
        theme.NOT_KNOWN
    }
    filled = _heatmap_table().with_columns(z=nothing, q_value=nothing)
    notes = {row["note"] for row in _rows_of(bin_z_heatmap.draw(filled).to_dict())}
    assert notes == {theme.NO_DOCUMENTS, theme.NOT_KNOWN}


def test_agreement_has_a_dot_for_each_pair_benchmark_and_panel():
    table = _agreement_table()
    chart = method_agreement.draw(table)
    rows = _rows(chart)
    # Spearman at four levels, and the documents in common.
    assert len(rows) == len(table) + table["overlap"].count()
    panels = ["Topics", "Formats", "Bins", "All documents", "Strongest documents"]
    assert chart.to_dict()["facet"]["sort"] == panels
    assert {row["panel"] for row in rows} == set(panels)
    shared = [row["value"] for row in rows if row["panel"] == panels[-1]]
    assert shared == table["overlap"].drop_nulls().to_list()
    text = " ".join(chart.to_dict()["title"]["subtitle"])
    assert "24 topics, 24 formats, 551 bins, 4,032 documents, 72 items of 10 sources" in text
    assert "each item's 20 strongest" in text


def test_agreement_without_items_is_of_documents_alone():
    columns = ["n_shared_items", "n_clusters", "n_strongest", "overlap"]
    table = _agreement_table().filter(level="document").with_columns(
        pl.lit(None).cast(pl.Float64).alias(name) for name in columns
    )  # fmt: skip
    chart = method_agreement.draw(table).to_dict()
    assert chart["facet"]["sort"] == ["All documents"]
    assert "strongest" not in " ".join(chart["title"]["subtitle"])


def test_methods_have_a_panel_each_and_a_scale_of_their_own():
    for side, chart in (("topic", topic_methods), ("bin", bin_methods)):
        drawn = chart.draw(_methods_table(side))
        found = drawn.to_dict()
        assert found["facet"]["sort"] == ["trackstar", "random"]
        assert found["resolve"] == {"scale": {"x": "independent"}}
        filled = {row["panel"] for row in _rows(drawn) if row["mark"] == theme.PASSES}
        assert "random" not in filled
        assert "say support social_situations most?" in found["title"]["text"]
    labels = {row["label"] for row in _rows(bin_methods.draw(_methods_table("bin")))}
    assert "Adult Content \N{MULTIPLICATION SIGN} Academic Writing" in labels
