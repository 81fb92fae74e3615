"""Rows of `region_rules`: the study's rule, as the warehouse reads it."""

from pathlib import Path

import pytest

from influence_warehouse.errors import InputError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.layout import Home
from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Study
from influence_warehouse.unlearning.rules import rule_rows
from tests.scoring_lake import BENCHMARKS
from tests.unlearning_world import unlearning_study

HEAD = ("tiny", "base", "trackstar")
LISTED = [
    {"benchmark": "beta", "topic": "games"},
    {"benchmark": "alpha", "format": "faq"},
    {"benchmark": "beta", "topic": "health", "format": "tutorial"},
]
SQL = "select benchmark, topic, null as format from topic_influence"


def _study(**regions: object) -> Study:
    return unlearning_study(Path("model"), regions=regions)


@pytest.fixture
def lake(tmp_path) -> Lake:
    home = Home(tmp_path, "tiny")
    home.create()
    return Lake(home)


@pytest.mark.parametrize("rule", ["topics", "formats", "bins"])
def test_a_ranking_rule_is_a_row_for_each_target_benchmark(rule):
    rows = rule_rows(_study(rule=rule, per_benchmark=3, max_q=0.2))
    assert rows.rows() == [
        (*HEAD, position, benchmark, rule, 3, 0.2, 1, None, None)
        for position, benchmark in enumerate(BENCHMARKS)
    ]


def test_only_the_benchmarks_of_the_section_are_targets():
    study = unlearning_study(Path("model"), benchmarks=["beta"])
    assert rule_rows(study).select("position", "benchmark").rows() == [(0, "beta")]


def test_sql_stays_in_the_study_and_its_benchmarks_are_rows():
    rows = rule_rows(_study(rule="sql", sql=SQL))
    assert rows.select("benchmark", "rule", "topic", "format").rows() == [
        (benchmark, "sql", None, None) for benchmark in BENCHMARKS
    ]


def test_an_explicit_list_is_a_row_for_each_region_in_its_order():
    rows = rule_rows(_study(rule="explicit", explicit=LISTED))
    assert rows.select("position", "benchmark", "topic", "format").rows() == [
        (0, "beta", "games", None),
        (1, "alpha", None, "faq"),
        (2, "beta", "health", "tutorial"),
    ]
    assert set(rows["rule"]) == {"explicit"}


@pytest.mark.parametrize(
    ("region", "slug"),
    [
        ({"topic": "gaming"}, "gaming"),
        ({"format": "faqs"}, "faqs"),
        ({"topic": "games", "format": "tutorials"}, "tutorials"),
        ({"topic": "any"}, "any"),
    ],
)
def test_a_listed_region_outside_the_taxonomy_is_an_error_before_anything_runs(lake, region, slug):
    study = _study(rule="explicit", explicit=[*LISTED, {"benchmark": "alpha"} | region])
    with pytest.raises(InputError, match=rf"{slug}.*Remedy"):
        make_fact(study, lake, "region_rules")
    assert not lake.path("region_rules").exists()


def test_the_fact_is_made_again_exactly_when_the_rule_changes(lake):
    study = _study(rule="topics", per_benchmark=2)
    outcome = make_fact(study, lake, "region_rules")[0]
    assert (outcome.rows, outcome.reused) == (2, False)
    first = lake.path("region_rules").read_bytes()
    seeds = unlearning_study(
        Path("model"), regions={"rule": "topics"}, seeds=[4], objectives=["npo"]
    )
    assert make_fact(seeds, lake, "region_rules")[0].reused, (
        "neither seeds nor objective choose regions"
    )
    for changed in (
        _study(rule="topics", per_benchmark=1),
        _study(rule="topics", max_q=0.5),
        _study(rule="bins"),
        unlearning_study(Path("model"), benchmarks=["alpha"]),
        _study(rule="explicit", explicit=LISTED),
        _study(rule="explicit", explicit=LISTED[::-1]),
        _study(rule="sql", sql=SQL),
        _study(rule="sql", sql=f"{SQL} limit 1"),
    ):
        assert not make_fact(changed, lake, "region_rules")[0].reused
        assert lake.read("region_rules").equals(rule_rows(changed))
    assert not make_fact(study, lake, "region_rules")[0].reused
    assert lake.path("region_rules").read_bytes() == first


@pytest.mark.parametrize("topic", ["all", "any", "games.faq"])
def test_a_topic_that_names_another_region_is_refused(topic):
    study = _study(rule="explicit", explicit=[{"benchmark": "beta", "topic": topic}])
    with pytest.raises(InputError, match=r"region.*Remedy"):
        rule_rows(study)
