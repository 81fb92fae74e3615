"""Charts drawn from a published copy, saved as files that open anywhere."""

import json
import re
import subprocess
import sys

import duckdb
import pytest

from influence_warehouse.errors import InputError, WarehouseError
from influence_warehouse.lake.layout import Home
from influence_warehouse.reports import gallery
from influence_warehouse.reports.chart import Chart
from influence_warehouse.reports.charts import CHARTS
from influence_warehouse.reports.sections import sections
from tests import report_tables

OF_SEVERAL_METHODS = {"bin_methods", "format_methods", "topic_methods"}


@pytest.fixture
def home(tmp_path) -> Home:
    return report_tables.published_home(tmp_path)


def _change(home: Home, statement: str) -> None:
    with duckdb.connect(str(home.database)) as connection:
        connection.execute(statement)


def test_a_charts_file_says_all_of_it():
    assert len(CHARTS) >= 14
    for name, question in CHARTS.items():
        assert question.endswith("?") and len(question) < 80, name
        chart = gallery.chart_of(name)
        assert chart.reads and callable(chart.draw), name


def test_every_chart_stands_on_one_page_of_the_report():
    drawn = {name: gallery.chart_of(name) for name in CHARTS}
    unplaced = Chart(sql="", draw=str)
    shown = [name for page in sections({**drawn, "new": unplaced}, []) for name in page.charts]
    assert sorted(shown) == sorted([*CHARTS, "new"])
    assert sections({**drawn, "new": unplaced}, [])[-1].charts == ("new",)
    assert sections(drawn, [])[0].charts == (
        *("topic_profile", "format_profile", "bin_heatmap", "concentration"),
        *("topic_z_profile", "format_z_profile", "bin_z_heatmap"),
    ), "support leads, the mean z comes after it"


def test_charts_are_listed_without_drawing_anything():
    code = (
        "import sys; from influence_warehouse.reports.charts import CHARTS; "
        "sys.exit(not CHARTS or 'altair' in sys.modules or 'polars' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_all_charts_are_saved_in_four_formats(home):
    drawn = dict(gallery.draw_all(home))
    assert list(drawn) == list(CHARTS)
    assert len(drawn["bin_heatmap"]) == 4 * len(report_tables.BENCHMARKS)
    # The tables hold one method's influence: there is none to compare it with.
    assert [name for name, paths in drawn.items() if not paths] == sorted(OF_SEVERAL_METHODS)
    for paths in filter(None, drawn.values()):
        assert {path.suffix for path in paths} == {".html", ".json", ".png", ".svg"}
        assert all(path.stat().st_size > 5_000 for path in paths)
    assert not [path for path in home.charts.iterdir() if path.name.endswith(".part")]


@pytest.mark.parametrize("side", ["topic", "format", "bin"])
def test_methods_are_drawn_beside_each_other_where_there_are_several(home, side):
    assert gallery.draw_and_save(home, f"{side}_methods") == []
    table = f"marts.{side}_influence"
    _change(home, f"insert into {table} by name select * replace ('bm25' as method) from {table}")
    drawn = gallery.chart_specs(home, f"{side}_methods")
    stems = [f"{side}_methods--base--{name}" for name in report_tables.BENCHMARKS]
    assert sorted(drawn) == sorted(stems)
    for spec in drawn.values():
        assert json.loads(spec)["facet"]["sort"] == ["trackstar", "bm25"]


@pytest.mark.parametrize("axis", ["topic", "format"])
def test_documents_with_one_label_have_no_heat_map(home, axis):
    """It would be the profile by the other label once more."""
    assert gallery.draw_and_save(home, "bin_heatmap")
    _change(home, f"update marts.bins set {axis} = 'all'")
    assert gallery.draw_and_save(home, "bin_heatmap") == []
    with pytest.raises(WarehouseError, match="second label"):
        gallery.draw_chart(home, "bin_heatmap", benchmark="social_facts")
    assert gallery.draw_and_save(home, "sample_sizes")


def test_a_saved_chart_is_whole_offline_and_the_same_again(home):
    paths = gallery.draw_and_save(home, "benchmark_accuracy")
    contents = {path.suffix: path.read_bytes() for path in paths}
    assert contents[".png"].startswith(b"\x89PNG")
    assert contents[".svg"].startswith(b"<svg")
    page = contents[".html"].decode()
    assert not re.search(r"<script[^>]+src=|<link|cdn\.|jsdelivr", page)
    again = {p.suffix: p.read_bytes() for p in gallery.draw_and_save(home, "benchmark_accuracy")}
    assert again == contents


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--<script>", "<img src=x onerror=alert(1)>"]
)
def test_text_of_a_document_stays_text_in_a_page(home, text):
    """Whatever a table says, nothing of it is markup; the chart still shows it."""
    _change(home, f"update marts.benchmarks set benchmark = '{text}' where position = 0")
    page = _page(home)
    assert text not in page
    assert text.replace("<", "\\u003c") in page
    # What the scripts that every page carries hold, it holds: no tag more.
    _change(home, "update marts.benchmarks set benchmark = 'plain' where position = 0")
    for tag in ("<script", "</script", "<!--", "<img"):
        assert page.count(tag) == _page(home).count(tag)


def _page(home: Home) -> str:
    paths = gallery.draw_and_save(home, "benchmark_accuracy")
    return next(path for path in paths if path.suffix == ".html").read_text(encoding="utf-8")


def test_charts_of_benchmarks_that_are_gone_are_deleted_and_other_files_stay(home):
    stale = home.charts / "benchmark_accuracy--old.png"
    mine = home.charts / "benchmark_accuracy_notes.txt"
    other = home.charts / "bin_heatmap--base--trackstar--social_facts.png"
    for path in (stale, mine, other):
        path.write_text("earlier")
    gallery.draw_and_save(home, "benchmark_accuracy")
    assert not stale.exists()
    assert mine.exists()
    assert other.exists()


def test_a_filter_chooses_the_benchmark(home):
    chart = gallery.draw_chart(home, "bin_heatmap", benchmark="stem_facts")
    assert "stem_facts" in chart.to_dict()["title"]["text"]


def test_a_filter_chooses_the_contrast(home):
    contrast = "knowledge_social_minus_stem"
    chart = gallery.draw_chart(home, "topic_contrast", contrast=contrast)
    assert len(chart.to_dict()["concat"]) == 1


@pytest.mark.parametrize(
    ("name", "filters", "named"),
    [
        ("pie", {}, "bin_heatmap"),
        ("bin_heatmap", {}, "stem_facts"),
        ("bin_heatmap", {"benchmark": "stem_fact"}, "stem_facts"),
        ("bin_heatmap", {"bench": "stem_facts"}, "benchmark"),
    ],
)
def test_wrong_names_are_refused_with_the_choices(home, name, filters, named):
    with pytest.raises(InputError, match=named):
        gallery.draw_chart(home, name, **filters)


def test_a_missing_database_names_the_remedy(tmp_path):
    with pytest.raises(WarehouseError, match="influence run demo"):
        gallery.draw_chart(Home(tmp_path, "demo"), "topic_profile")


def test_a_broken_database_is_a_readable_error(home):
    home.database.write_bytes(b"not a database" * 1000)
    with pytest.raises(WarehouseError, match="cannot be read"):
        gallery.draw_chart(home, "topic_profile")


def test_a_database_without_the_mart_is_a_readable_error(home):
    _change(home, "drop table marts.bins")
    with pytest.raises(WarehouseError, match="influence run demo"):
        gallery.draw_and_save(home, "sample_sizes")


def test_an_empty_table_is_an_error_unless_the_chart_is_optional(home):
    _change(home, "delete from marts.topic_influence")
    _change(home, "delete from marts.topic_contrasts")
    with pytest.raises(WarehouseError, match="no rows"):
        gallery.draw_and_save(home, "topic_z_profile")
    assert gallery.draw_and_save(home, "topic_contrast") == []
    with pytest.raises(WarehouseError, match="no contrasts"):
        gallery.draw_chart(home, "topic_contrast")


def test_without_items_z_is_drawn_alone(home):
    for mart in ("topic_influence", "format_influence", "bin_influence"):
        _change(home, f"update marts.{mart} set support = null, benchmark_support = null")
    _change(home, "create table marts.unknowns (mart text, column_name text, reason text)")
    why = "'topic_influence', 'benchmark_support', 'needs scores of single items'"
    _change(home, f"insert into marts.unknowns values ({why})")
    for name in ("topic", "format"):
        assert gallery.draw_and_save(home, f"{name}_profile") == []
        assert gallery.draw_and_save(home, f"{name}_z_profile")
    assert gallery.draw_and_save(home, "bin_heatmap") == []
    assert len(gallery.chart_specs(home, "bin_z_heatmap")) == len(report_tables.BENCHMARKS)
    with pytest.raises(WarehouseError, match="scores of single items"):
        gallery.draw_chart(home, "topic_profile")


def test_two_methods_are_drawn_apart(home):
    _change(
        home,
        "insert into marts.topic_influence"
        " select * replace ('bm25' as method) from marts.topic_influence",
    )
    stems = {path.stem for path in gallery.draw_and_save(home, "topic_profile")}
    assert stems == {f"topic_profile--base--{method}" for method in ("trackstar", "bm25")}
    with pytest.raises(InputError, match="bm25"):
        gallery.draw_chart(home, "topic_profile")


def test_a_folder_that_cannot_be_written_is_a_readable_error(home):
    home.charts.rmdir()
    home.charts.write_text("a file stands where the folder should be")
    with pytest.raises(WarehouseError, match="cannot be written"):
        gallery.draw_and_save(home, "benchmark_accuracy")


def test_methods_are_drawn_in_the_studys_order(home):
    for table in ("topic_influence", "methods"):
        columns = "'aleph' as method" + (", 9 as position" if table == "methods" else "")
        rows = f"select * replace ({columns}) from marts.{table} where method = 'trackstar'"
        _change(home, f"insert into marts.{table} by name {rows}")
    stems = list(gallery.chart_specs(home, "topic_profile"))
    assert stems == ["topic_profile--base--trackstar", "topic_profile--base--aleph"]
