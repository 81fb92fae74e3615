"""Charts of retraining: what is drawn is what the marts say, with or without a planted truth."""

import polars as pl
import pytest

from influence_warehouse.lake.layout import Home
from influence_warehouse.reports import gallery
from influence_warehouse.reports.charts import (
    CHARTS,
    RETRAINING_CHARTS,
    influence_versus_effect,
    method_quality,
    retraining_versus_unlearning,
)
from influence_warehouse.reports.published import read_table
from tests import report_tables


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Home:
    return report_tables.published_home(tmp_path_factory.mktemp("warehouse"))


@pytest.fixture(scope="module")
def tables(published) -> dict[str, pl.DataFrame]:
    """Rows of each chart, as the gallery reads them, of the margin."""
    found = {name: read_table(published, gallery.chart_of(name).sql) for name in RETRAINING_CHARTS}
    return {
        name: rows.filter(outcome="margin") if "outcome" in rows.columns else rows
        for name, rows in found.items()
    }


def _drawn(chart) -> pl.DataFrame:
    (rows,) = chart.to_dict()["datasets"].values()
    return pl.DataFrame(rows, infer_schema_length=None)


def _words(chart) -> str:
    return " ".join(chart.to_dict()["title"]["subtitle"])


def test_charts_that_wait_for_retraining_are_charts():
    assert set(RETRAINING_CHARTS) <= set(CHARTS)
    pages = {gallery.chart_of(name).page for name in RETRAINING_CHARTS}
    assert pages == {"retraining"}


@pytest.mark.parametrize("name", RETRAINING_CHARTS)
def test_chart_is_titled_by_its_question_and_drawn_alike_twice(tables, name):
    draw = gallery.chart_of(name).draw
    assert draw(tables[name]).to_dict()["title"]["text"] == CHARTS[name]
    assert draw(tables[name]).to_json() == draw(tables[name]).to_json()


def test_each_method_has_a_panel_with_its_lds_and_every_region_a_dot(tables):
    table = tables["influence_versus_effect"]
    rows = _drawn(influence_versus_effect.draw(table))
    panels = rows["panel"].unique(maintain_order=True).to_list()
    assert [panel.split("; ")[0] for panel in panels] == ["trackstar", "bm25", "random"]
    assert panels[0].endswith("LDS 0.58 (0.48 to 0.68)")
    assert len(rows) == len(table) == 3 * 24 * 4
    planted = rows.filter(pl.col("planted").str.starts_with("facts"))
    assert len(planted) == 3 * 8 and planted["effect"].min() > 2
    assert sorted(rows["effect"]) == pytest.approx(sorted(table["effect"]))


def test_no_region_is_marked_where_nothing_is_planted_and_no_interval_told_that_is_not(tables):
    unknown = tables["influence_versus_effect"].with_columns(
        is_planted=pl.lit(None, pl.Boolean),
        **{name: pl.lit(None, pl.Float64) for name in ("effect_low", "effect_high", "ceiling")},
    )
    chart = influence_versus_effect.draw(unknown)
    words = _words(chart)
    assert "planted" not in words
    assert "95 % intervals of effects" not in words and "True effects would" not in words
    known = _words(influence_versus_effect.draw(tables["influence_versus_effect"]))
    assert "True effects would have an LDS of 0.97" in known and "planted" in known


def test_a_method_without_a_grade_comes_last_and_says_so(tables):
    first = pl.col("method") == "trackstar"
    table = tables["influence_versus_effect"].with_columns(
        pl.when(~first).then(name).alias(name) for name in ("lds", "lds_low", "lds_high")
    )
    panels = _drawn(influence_versus_effect.draw(table))["panel"].unique(maintain_order=True)
    assert panels[-1] == "trackstar; LDS not known"


def test_methods_go_from_the_best_down_and_places_are_told(tables):
    chart = method_quality.draw(tables["method_quality"])
    rows = _drawn(chart)
    (order,) = {tuple(sort) for sort in _sorts(chart.to_dict()) if "trackstar" in sort}
    assert order == ("trackstar", "bm25", "random")
    assert set(rows["panel"]) == {
        "One topic left out", "Halves of topics", "Halves of documents, by hashed buckets"
    }  # fmt: skip
    assert set(rows["places"]) == {"1 to 1 of 3", "2 to 2 of 3", "3 to 3 of 3"}
    assert "18 (one topic left out)" in _words(chart) and "Blue mark" in _words(chart)


def _sorts(node) -> list[list[str]]:
    if isinstance(node, list):
        return [found for part in node for found in _sorts(part)]
    if not isinstance(node, dict):
        return []
    own = [node["sort"]] if isinstance(node.get("sort"), list) else []
    return own + [found for part in node.values() for found in _sorts(part)]


def test_without_repeats_no_ceiling_is_told(tables):
    table = tables["method_quality"].with_columns(ceiling=pl.lit(None, pl.Float64))
    assert "Blue mark" not in _words(method_quality.draw(table))


def test_unlearning_stands_beside_retraining_with_its_correlation(tables):
    table = tables["retraining_versus_unlearning"]
    chart = retraining_versus_unlearning.draw(table)
    rows = _drawn(chart)
    assert len(rows) == len(table) == 2 * 8 * 4
    assert all("Spearman 0.71 over 32 pairs" in panel for panel in rows["panel"])
    assert "8 regions" in _words(chart)
    unknown = table.with_columns(spearman=pl.lit(None, pl.Float64))
    drawn = _drawn(retraining_versus_unlearning.draw(unknown))
    assert drawn["panel"].str.contains("too few or equal pairs").all()
