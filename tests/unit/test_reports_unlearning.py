"""Charts of unlearning: what is drawn is what the marts say, for one benchmark or four."""

import duckdb
import polars as pl
import pytest

from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.reports import gallery, labels, theme, unlearning
from influence_warehouse.reports.charts import (
    CHARTS,
    unlearning_damage,
    unlearning_differences,
    unlearning_losses,
    unlearning_matrix,
)
from influence_warehouse.reports.published import read_table
from tests import report_tables

NAMES = [name for name in CHARTS if name.startswith("unlearning_")]


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Home:
    return report_tables.published_home(tmp_path_factory.mktemp("warehouse"))


@pytest.fixture
def home(tmp_path) -> Home:
    return report_tables.published_home(tmp_path)


@pytest.fixture(scope="module")
def tables(published) -> dict[str, pl.DataFrame]:
    """Rows of each chart, as the gallery reads them, of the measure that has one."""
    found = {name: read_table(published, gallery.chart_of(name).sql) for name in NAMES}
    return {
        name: rows.filter(measure="margin") if "measure" in rows.columns else rows
        for name, rows in found.items()
    }


def _of_one(rows: pl.DataFrame, benchmark: str = "social_facts") -> pl.DataFrame:
    """Rows as a study of a single benchmark has them."""
    if "evaluated_benchmark" in rows.columns:
        rows = rows.filter(evaluated_benchmark=benchmark)
    return rows.filter(pl.col("benchmark").is_in([benchmark, "all"]))


def _drawn(chart) -> pl.DataFrame:
    """All rows that a chart carries."""
    sets = chart.to_dict()["datasets"].values()
    frames = [pl.DataFrame(rows, infer_schema_length=None) for rows in sets]
    return pl.concat(frames, how="diagonal_relaxed")


def _nodes(node, key: str) -> list:
    """Every value under a key, anywhere in a specification."""
    if isinstance(node, list):
        return [found for part in node for found in _nodes(part, key)]
    if not isinstance(node, dict):
        return []
    own = [node[key]] if key in node else []
    return own + [found for part in node.values() for found in _nodes(part, key)]


@pytest.mark.parametrize("benchmarks", ["one", "four"])
@pytest.mark.parametrize("name", NAMES)
def test_a_chart_is_a_pure_function_that_asks_its_question(tables, name, benchmarks):
    rows = tables[name] if benchmarks == "four" else _of_one(tables[name])
    draw = gallery.chart_of(name).draw
    chart = draw(rows)
    assert chart.to_json() == draw(rows).to_json()
    title = chart.to_dict()["title"]
    assert title["text"] == CHARTS[name]
    assert len(title["subtitle"]) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_a_study_of_one_condition_is_drawn(tables, name):
    column = "condition_a" if name == "unlearning_differences" else "condition"
    rows = tables[name].filter(pl.col(column) == "influence_global")
    assert _drawn(gallery.chart_of(name).draw(rows)).height == rows.height


def test_every_condition_of_the_marts_has_words():
    assert tuple(unlearning.CONDITIONS) == report_tables.CONDITIONS


def test_points_stand_beside_the_mean_of_their_condition(tables):
    drawn = _drawn(unlearning_damage.draw(tables["unlearning_damage"]))
    middles = {title: n for n, title in enumerate(unlearning.CONDITIONS.values())}
    off = drawn["x"] - drawn["condition_title"].replace_strict(middles)
    assert set(off.filter(drawn["kind"] == "mean")) == {0.0}
    runs = off.filter(drawn["kind"] == "run").abs()
    assert runs.min() > 0.1
    assert runs.max() < 0.5


def test_damage_is_that_of_the_target_and_its_mean_that_of_the_matrix(tables):
    drawn = _drawn(unlearning_damage.draw(tables["unlearning_damage"]))
    runs = drawn.filter(kind="run").group_by("benchmark", "condition_title")
    expected = runs.agg(pl.col("damage").mean()).sort(pl.all())
    means = drawn.filter(kind="mean").select(expected.columns).sort(pl.all())
    assert means.height == 4 * len(report_tables.BENCHMARKS)
    assert (means["damage"] - expected["damage"]).abs().max() < 1e-9


def test_regions_are_told_apart_by_shape(tables):
    chart = unlearning_damage.draw(tables["unlearning_damage"]).to_dict()
    for panel in chart["concat"]:
        (shape,) = [s for s in _nodes(panel, "shape") if isinstance(s, dict)]
        regions, shapes = shape["scale"]["domain"], shape["scale"]["range"]
        assert len(regions) == len(set(shapes)) == 3
        assert regions[-1] == "whole sample"


def test_a_mean_without_interval_is_drawn(tables):
    rows = tables["unlearning_damage"].with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in ("damage_low", "damage_high", "share_kept")
    )
    assert _drawn(unlearning_damage.draw(rows)).height == rows.height


def test_differences_of_all_benchmarks_stand_apart_at_the_end(tables):
    chart = unlearning_differences.draw(tables["unlearning_differences"])
    (order,) = {tuple(y["scale"]["domain"]) for y in _nodes(chart.to_dict(), "y") if "scale" in y}
    names = list(report_tables.BENCHMARKS)
    assert list(order) == [*names, " ", "All benchmarks"]
    assert set(_drawn(chart)["label"]) == {*names, "All benchmarks"}


def test_differences_of_one_benchmark_are_shown_once(tables):
    rows = _of_one(tables["unlearning_differences"])
    drawn = _drawn(unlearning_differences.draw(rows))
    assert set(drawn["label"]) == {"social_facts"}
    assert drawn.height == len(report_tables.COMPARISONS)


def test_a_difference_is_filled_by_q_and_says_where_it_has_no_interval(tables):
    drawn = _drawn(unlearning_differences.draw(tables["unlearning_differences"]))
    assert set(drawn.filter(pl.col("q_value") < theme.LEVEL)["mark"]) == {theme.PASSES}
    assert set(drawn.filter(pl.col("q_value") >= theme.LEVEL)["mark"]) == {theme.FAILS}
    without = drawn.filter(pl.col("difference_low").is_null())
    assert set(without["note"]) == {"no interval"}
    assert drawn["note"].count() == without.height > 0


def test_the_test_over_regions_of_the_same_cell_stands_beside_that_over_sets(home):
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(
            "update marts.unlearning_tests set p_value = 0.123"
            " where unit = 'region' and benchmark = 'stem_facts'"
            " and measure = 'margin' and condition_b = 'random_in_topic'"
        )
    rows = read_table(home, gallery.chart_of("unlearning_differences").sql)
    marked = rows.filter(p_value_of_regions=0.123)
    assert marked.select("benchmark", "measure", "condition_b").row(0) == (
        *("stem_facts", "margin", "random_in_topic"),
    )
    assert marked.height == 1
    assert rows.height == 2 * 3 * (len(report_tables.BENCHMARKS) + 1)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "unlearning_losses"])
def test_what_an_interval_is_over_is_said(tables, name):
    chart = gallery.chart_of(name).draw(tables[name]).to_dict()
    assert "over forget sets" in " ".join(chart["title"]["subtitle"])


def test_the_matrix_has_one_scale_around_zero_and_frames_the_targets(tables):
    table = tables["unlearning_matrix"]
    chart = unlearning_matrix.draw(table)
    (scale,) = [s for s in _nodes(chart.to_dict(), "scale") if s and s.get("scheme")]
    limit = table["damage"].abs().max()
    assert scale["domain"] == [-limit, limit]
    assert scale["scheme"] == theme.DIVERGING
    drawn = _drawn(chart)
    framed = drawn.filter(pl.col("is_target"))
    assert framed.height == 4 * len(report_tables.BENCHMARKS)
    assert (framed["benchmark"] == framed["evaluated_benchmark"]).all()


def test_the_numbers_of_the_matrix_are_its_damages_without_negative_zero(tables):
    table = tables["unlearning_matrix"].with_columns(
        pl.when(pl.col("is_target")).then("damage").otherwise(-0.001).alias("damage")
    )
    drawn = _drawn(unlearning_matrix.draw(table))
    assert (drawn["shown"] - drawn["damage"]).abs().max() <= 0.005 + 1e-9
    assert "-0.0" not in {str(number) for number in drawn["shown"]}


def test_a_matrix_without_any_damage_is_drawn(tables):
    table = tables["unlearning_matrix"].with_columns(damage=pl.lit(0.0))
    assert set(_drawn(unlearning_matrix.draw(table))["shown"]) == {0.0}


def test_each_run_ends_once_with_its_reason(tables):
    table = tables["unlearning_losses"]
    chart = unlearning_losses.draw(table)
    drawn = _drawn(chart).filter(pl.col("is_last")).unique(["run_id"])
    ends = table.group_by("run_id").agg(pl.col("step").max(), pl.col("stop_reason").first())
    assert drawn.height == ends.height
    assert dict(drawn.select("run_id", "step").iter_rows()) == dict(
        ends.select("run_id", "step").iter_rows()
    )
    shapes = [s["scale"]["domain"] for s in _nodes(chart.to_dict(), "shape") if "scale" in s]
    assert shapes == [["step limit", "utility floor"]] * 2


def test_a_study_without_unlearning_has_no_charts_of_it(home):
    with duckdb.connect(str(home.database)) as connection:
        for mart in ("damage", "matrix", "tests", "losses"):
            connection.execute(f"delete from marts.unlearning_{mart}")
    for name in NAMES:
        assert gallery.draw_and_save(home, name) == []
        with pytest.raises(WarehouseError, match="unlearning or second benchmark"):
            gallery.draw_chart(home, name)


def test_a_chart_shows_one_measure(published):
    with pytest.raises(InputError, match="measure=accuracy"):
        gallery.draw_chart(published, "unlearning_matrix")
    chart = gallery.draw_chart(published, "unlearning_matrix", measure="accuracy")
    assert chart.to_dict()["title"]["subtitle"][-1].startswith("Accuracy")


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("literature", "Literature"),
        ("literature.tutorial", "Literature \N{MULTIPLICATION SIGN} Tutorial"),
        ("any.tutorial", "Tutorial"),
        ("all", "whole sample"),
    ],
)
def test_regions_of_runs_read_as_names(slug, expected):
    assert labels.regions([slug])[slug] == expected


def test_regions_of_own_labels_stay_as_they_are():
    names = ["C%2B%2B %2F Qt", "games.%61ll", "any.faq"]
    assert [labels.regions(names)[name] for name in names] == [
        "C++ / Qt",
        "games \N{MULTIPLICATION SIGN} all",
        "faq",
    ]
