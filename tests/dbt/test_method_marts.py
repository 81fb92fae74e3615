"""Marts that compare methods, on a lake whose methods agree as is known."""

import json

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from influence_warehouse.warehouse.query import run_query
from tests.synthetic import BENCHMARKS, METHOD, PLANTED_TOPICS, TOP_K
from tests.synthetic_methods import KIN, RANDOM

PAIRS = [(METHOD, KIN), (METHOD, RANDOM), (KIN, RANDOM)]
LEVELS = ("bin", "topic", "format")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ask(compared):
    """Rows of a query on the marts of the compared methods."""
    return lambda sql: run_query(compared.home, sql)


def test_every_pair_is_there_once_and_kin_agree_more_than_a_control(ask):
    rows = ask("from method_agreement")
    assert len(rows) == len(PAIRS) * len(BENCHMARKS) * 4
    assert set(rows.select("method_a", "method_b").unique().rows()) == set(PAIRS)
    assert set(rows["unit"]) == {"clusters", "documents"}
    assert set(rows.filter(level="document")["unit"]) == {"documents"}
    kin = rows.filter(method_a=METHOD, method_b=KIN, level="topic")
    control = rows.filter(method_a=METHOD, method_b=RANDOM, level="topic")
    assert kin["spearman"].min() > control["spearman"].max()
    assert rows.filter(level="document")["n_strongest"].unique().to_list() == [TOP_K]
    assert rows.filter(pl.col("level") != "document")["overlap"].null_count() == 36


def test_regions_told_apart_are_counted_by_each_and_by_both(ask):
    for level in LEVELS:
        region = "bin_id" if level == "bin" else level
        told = ask(f"select * from {level}_influence where support_q_value < 0.05")
        found = ask(f"from method_agreement where level = '{level}'")
        for row in found.iter_rows(named=True):
            a, b = (
                set(told.filter(method=row[side], benchmark=row["benchmark"])[region])
                for side in ("method_a", "method_b")
            )
            counts = [row[f"n_told_apart_{end}"] for end in ("a", "b", "both")]
            assert counts == [len(a), len(b), len(a & b)]


def test_the_most_disputed_region_is_the_one_of_the_largest_difference_over_its_error(
    compared, ask
):
    facts = compared.lake.read("difference_inference", "base")
    sizes = facts.with_columns(size=pl.col("difference").abs() / pl.col("standard_error"))
    key = ["benchmark", "level", "method_a", "method_b"]
    expected = sizes.group_by(key).agg(pl.col("size").max(), n=pl.len())
    rows = ask("from method_disagreements").join(expected, on=key)
    assert len(rows) == len(PAIRS) * len(BENCHMARKS) * len(LEVELS)
    assert (rows["n_regions"] == rows["n"]).all()
    inside = (rows["difference_low"] <= 0) & (rows["difference_high"] >= 0)
    assert (rows["is_told_apart"] == ~inside).all()
    assert rows.filter(inside)["finding"].str.starts_with("not told apart in any").all()
    told = rows.filter(~inside)
    more = pl.when(pl.col("difference") > 0).then("method_a").otherwise("method_b")
    assert (told.select(more + " gives it more").to_series() == told["finding"]).all()
    topics = rows.filter(level="topic")
    supports = ask("from topic_influence")
    for row in topics.iter_rows(named=True):
        for side in "ab":
            own = supports.filter(
                method=row[f"method_{side}"], benchmark=row["benchmark"], topic=row["region"]
            )
            assert own["support"].item() == row[f"support_{side}"]
            assert own["support_rank"].item() == row[f"support_rank_{side}"]


def test_what_is_told_apart_from_a_control_was_planted_and_kin_are_not_told_apart(ask):
    rows = ask("from method_disagreements where level = 'topic'")
    told = rows.filter(pl.col("is_told_apart"))
    assert len(told) and set(told["method_b"]) == {RANDOM}
    assert all(row["region"] in PLANTED_TOPICS[row["benchmark"]] for row in told.to_dicts())
    assert (told["n_told_apart"] >= 1).all()


def test_documents_of_a_disputed_region_are_the_strongest_by_each_method(compared, ask):
    rows = ask("from method_disagreement_documents")
    disputed = ask("from method_disagreements")
    assert len(rows) <= 6 * len(disputed) and rows["excerpt"].null_count() == 0
    assert rows["place"].max() == 3
    row = rows.filter(level="topic", strongest_by=KIN, place=1).row(0, named=True)
    scores = compared.lake.read_parts(
        "document_scores", [f"base|{KIN}|00000", f"base|{KIN}|00001"]
    ).filter(benchmark=row["benchmark"])
    topics = compared.lake.read("documents", columns=["doc_id", "topic"])
    own = scores.join(topics.filter(topic=row["region"]), on="doc_id")
    assert own.sort("positive_square", descending=True)["doc_id"][0] == row["doc_id"]
    assert_allclose(row["score"], own.filter(doc_id=row["doc_id"])["score"].item())
    assert 1 <= row["place_by_other"] <= len(own)


def test_methods_say_what_they_are_and_what_they_cost(ask):
    rows = ask("from methods order by position")
    assert rows["method"].to_list() == [METHOD, KIN, RANDOM]
    assert rows["kind"].to_list() == ["trackstar", "random", "random"]
    assert rows["unit"].null_count() == 0
    assert json.loads(rows["settings"][0])["projection_dim"] == 16
    # Two shards: 1.5 seconds, 2.5 core-seconds and 4,000 bytes each.
    costs = ["seconds", "core_seconds", "n_bytes", "documents_per_second"]
    assert rows.select(costs).unique().rows() == [(3.0, 5.0, 8000, 800.0)]
    assert rows["cost_unknown_reason"].null_count() == 3


def test_topics_are_chosen_where_two_methods_agree(compared, ask):
    chosen = ask("from chosen_bins")
    assert set(chosen["method"]) == {METHOD, KIN}
    rows = ask("from topic_influence")
    passing = rows.filter(
        pl.col("support") > pl.col("benchmark_support"), pl.col("support_q_value") <= 0.2
    )
    counts = passing.group_by("benchmark", "topic").agg(n=pl.len())
    own = passing.join(counts, on=["benchmark", "topic"]).filter(pl.col("method") != RANDOM)
    agreed = own.filter(pl.col("n") >= 2)
    place = pl.col("support_t").rank("ordinal", descending=True).over("method", "benchmark")
    expected = agreed.filter(place <= 2)
    names = ["method", "benchmark", "topic"]
    assert set(chosen.select(names).rows()) == set(expected.select(names).rows())
    assert len(agreed) < len(own), "the limit keeps something out"
    joined = chosen.join(counts, on=["benchmark", "topic"])
    assert (joined["n_methods_agreeing"] == joined["n"]).all()
    assert joined["reason"].str.ends_with(" methods say").all()


def test_regions_of_two_methods_are_compared_by_what_forgetting_them_does(ask):
    rows = ask("from unlearning_methods")
    assert len(rows) == 2 * (len(BENCHMARKS) + 1)
    assert (rows["q_value"] >= rows["p_value"]).all()
    assert set(rows["finding"]) == {f"{METHOD} hurts more"}
    assert (rows["difference_low"] > 0).all() and set(rows["unit"]) == {"set"}
    assert np.isclose(rows["damage_a"] - rows["damage_b"], rows["difference"]).all()


def test_a_study_with_one_method_says_so(world):
    assert run_query(world.home, "from method_agreement").is_empty()
    said = "from unknowns where reason like 'needs a second method;%'"
    rows = run_query(world.home, f"select mart, reason {said}")
    assert {mart for mart, _ in rows.rows()} == {
        "method_agreement",
        "method_disagreements",
        "method_disagreement_documents",
    }
    assert set(rows["reason"]) == {"needs a second method; the study has one"}
