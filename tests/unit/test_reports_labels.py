"""Words on charts: slugs and intervals as people read them."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from influence_warehouse import taxonomy
from influence_warehouse.reports import labels


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("mmlu_stem", "MMLU STEM"),
        ("social_facts", "Social Facts"),
        ("socialiqa", "SocialIQA"),
        ("reasoning_social_minus_stem", "Reasoning: Social \N{MINUS SIGN} STEM"),
        ("social_reasoning_minus_knowledge", "Social: Reasoning \N{MINUS SIGN} Knowledge"),
        ("social_minus_stem_interaction", "Interaction: Social \N{MINUS SIGN} STEM"),
        ("a_minus_b", "A \N{MINUS SIGN} B"),
    ],
)
def test_slugs_read_as_names(slug, expected):
    assert labels.name(slug) == expected


@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True))
def test_every_slug_of_a_study_has_a_name(slug):
    assert isinstance(labels.name(slug), str)


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
