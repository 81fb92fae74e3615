"""Words on charts: names as written, regions and intervals as people read them."""

import polars as pl
import pytest

from influence_warehouse import taxonomy
from influence_warehouse.lake.layout import IMPORTED_MODEL
from influence_warehouse.reports import labels


@pytest.mark.parametrize("model", ["base", IMPORTED_MODEL])
def test_models_and_methods_stand_as_the_study_writes_them(model):
    table = pl.DataFrame({"model": [model], "method": ["ours_minus_bm25"]})
    expected = "ours_minus_bm25" if model == IMPORTED_MODEL else "ours_minus_bm25 (base)"
    assert labels.scored_by(table) == expected


def test_labels_of_an_own_taxonomy_stand_as_they_are():
    own = pl.DataFrame({"topic": ["food_and_dining", "food-and-DINING_2"]})
    assert own.select(labels.titled("topic")).to_series().to_list() == own["topic"].to_list()


def test_every_region_has_a_title_of_its_own():
    for slugs in (taxonomy.TOPICS, taxonomy.FORMATS):
        titles = pl.DataFrame({"slug": slugs}).select(labels.titled("slug")).to_series()
        assert titles.n_unique() == len(slugs)
        assert not any("_" in title for title in titles)


def test_interval_is_text_and_null_where_a_bound_is():
    frame = pl.DataFrame({"low": [-0.001, 1.234, None], "high": [0.5, 2.0, 1.0]})
    intervals = frame.select(labels.interval("low", "high")).to_series().to_list()
    assert intervals == ["0.00 to 0.50", "1.23 to 2.00", None]


def test_counts_agree_with_their_noun():
    assert labels.count(1, "bin") == "1 bin"
    assert labels.count(2016, "document") == "2,016 documents"


@pytest.mark.parametrize(
    ("sources", "items", "said"),
    [
        ([10, 10], [60, 60], "10 sources of 60 items, and over documents"),
        ([10, 24], [60, 1200], "10 to 24 sources of 60 to 1,200 items, and over documents"),
        ([60, 60], [60, 60], "60 items, and over documents"),
        ([1], [60], "documents alone"),
    ],
)
def test_intervals_say_what_they_are_over(sources, items, said):
    table = pl.DataFrame({"n_clusters": sources, "n_items": items})
    assert labels.interval_unit(table) == said


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ({"topic": "topic", "format": "format"}, "Topics, a topic and formats; subtopics"),
        ({"topic": "category", "format": "lang"}, "Categories, a category and langs; subtopics"),
        ({"topic": "myLabel", "format": ""}, "MyLabels, a myLabel and formats; subtopics"),
    ],
)
def test_texts_about_topics_and_formats_take_the_studys_words(called, expected):
    assert labels.own_words("Topics, a topic and formats; subtopics", called) == expected
