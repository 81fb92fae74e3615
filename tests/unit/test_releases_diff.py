"""Comparing two published copies: what is said to differ is exactly what was changed."""

import json
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.errors import WarehouseError
from influence_warehouse.exchange.releases.diff import Difference, Side, compare
from influence_warehouse.exchange.releases.diff_output import as_json, as_text
from influence_warehouse.taxonomy import TOPICS

# Rows of topic_influence: by its key, z of each topic.
NAN = float("nan")


def topics(z, benchmark: str = "alpha", study: str = "one") -> pl.DataFrame:
    return pl.DataFrame({"z": np.asarray(z, dtype=float)}).select(
        study=pl.lit(study),
        model=pl.lit("base"),
        method=pl.lit("made"),
        benchmark=pl.lit(benchmark),
        item_subset=pl.lit("all"),
        topic=pl.Series(TOPICS[: len(z)]),
        n_documents=pl.lit(3),
        z="z",
    )


def publish(path: Path, **marts: pl.DataFrame) -> Side:
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        for name, rows in marts.items():
            connection.register("rows_of_it", rows.to_arrow())
            connection.execute(f"create table marts.{name} as from rows_of_it")
    return Side(path.stem, path)


@pytest.fixture
def sides(tmp_path):
    def make(a: dict, b: dict) -> tuple[Side, Side]:
        return publish(tmp_path / "a.duckdb", **a), publish(tmp_path / "b.duckdb", **b)

    return make


def table(difference: Difference, name: str = "topic_influence"):
    (found,) = [t for t in difference.tables if t.name == name]
    return found


def test_equal_marts_are_equal_whatever_their_order_and_study(sides):
    rows = topics([*np.linspace(2, -2, 22), NAN, NAN])
    other = rows.with_columns(study=pl.lit("two")).sample(fraction=1, shuffle=True, seed=1)
    difference = compare(*sides({"topic_influence": rows}, {"topic_influence": other}))
    assert difference.is_equal
    assert "no region changes its rank" in as_text(difference)
    assert json.loads(as_json(difference))["is_equal"] is True


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.sampled_from([None, -1e-9, 0.25, 3.0]), min_size=24, max_size=24),
    st.sampled_from([0.0, 1e-6, 0.5]),
)
def test_values_that_differ_are_counted(tmp_path_factory, changes, tolerance):
    folder = tmp_path_factory.mktemp("diff")
    rows = topics(np.zeros(24))
    other = rows.with_columns(z=pl.Series([0.0 if c is None else c for c in changes]))
    difference = compare(
        publish(folder / "a.duckdb", topic_influence=rows),
        publish(folder / "b.duckdb", topic_influence=other),
        tolerance=tolerance,
    )
    beyond = [abs(c) for c in changes if c is not None and abs(c) > tolerance]
    assert difference.is_equal == (not beyond)
    values = {value.name: value for value in table(difference).values}
    assert (values["z"].rows if beyond else 0) == len(beyond)
    if beyond:
        assert values["z"].largest == max(beyond)


@pytest.mark.parametrize("other", [None, NAN, float("inf")])
def test_no_tolerance_makes_a_number_of_what_is_none(sides, other):
    rows = topics([1.0, 2.0, 3.0])
    changed = rows.with_columns(z=pl.Series([1.0, other, 3.0]))
    found = table(
        compare(
            *sides({"topic_influence": rows}, {"topic_influence": changed}),
            tolerance=1e300,
        )
    )
    (value,) = found.values
    assert (value.name, value.rows, value.largest) == ("z", 1, None)


def test_keys_columns_types_and_tables(sides):
    a = topics([1.0, 2.0, 3.0, 4.0]).with_columns(extra=pl.lit(1))
    b = topics([1.0, 2.0, 3.0, 4.0])[1:].with_columns(pl.col("n_documents").cast(pl.Float64))
    difference = compare(
        *sides({"topic_influence": a, "gone": a}, {"topic_influence": b, "new": a})
    )
    found = table(difference)
    assert difference.tables_only_in == (("gone",), ("new",))
    assert found.rows == (4, 3)
    assert found.only_in == (1, 0)
    assert found.columns_only_in == (("extra",), ())
    assert found.types == {"n_documents": ("INTEGER", "DOUBLE")}
    assert found.values == ()
    text = as_text(difference)
    assert "tables only in A: gone" in text
    assert "keys only in A 1, in B 0" in text


def test_rows_without_a_unique_key_are_counted_whole(sides):
    twice = pl.concat([topics([1.0, 2.0])] * 2)
    unknown = pl.DataFrame({"x": [1, 1, 2]})
    difference = compare(
        *sides(
            {"topic_influence": twice, "unheard": unknown},
            {"topic_influence": twice[:3], "unheard": unknown},
        )
    )
    assert (table(difference).key, table(difference).only_in) == ((), (1, 0))
    assert table(difference, "unheard").is_equal


def test_times_of_runs_are_aside_but_fingerprints_are_not(sides):
    rows = pl.DataFrame(
        {"asset": ["x", "x"], "part": [None, "1"], "fingerprint": ["f", "g"]}
    ).with_columns(started_at=pl.lit("now"), seconds=pl.lit(1.0))
    later = rows.with_columns(started_at=pl.lit("later"), seconds=pl.lit(9.0))
    assert compare(*sides({"runs": rows}, {"runs": later})).is_equal
    methods = pl.DataFrame({"method": ["ekfac"], "kind": ["ekfac"], "seconds": [1.0]})
    slower = methods.with_columns(seconds=pl.lit(2.0))
    assert compare(*sides({"methods": methods}, {"methods": slower})).is_equal
    other = later.with_columns(fingerprint=pl.Series(["f", "h"]))
    found = table(compare(*sides({"runs": rows}, {"runs": other})), "runs")
    assert found.key == ("asset", "part")
    assert [(value.name, value.rows) for value in found.values] == [("fingerprint", 1)]


def test_ranks_follow_z(sides):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=24), rng.normal(size=24)
    difference = compare(
        *sides({"topic_influence": topics(a)}, {"topic_influence": topics(b)}), movers=3
    )
    (change,) = difference.ranks
    ranks = [(-z).argsort().argsort() + 1 for z in (a, b)]
    assert change.spearman == pytest.approx(np.corrcoef(*ranks)[0, 1])
    moves = np.abs(ranks[0] - ranks[1])
    assert [abs(x - y) for _, x, y in change.movers] == sorted(moves, reverse=True)[:3]
    for region, x, y in change.movers:
        assert (x, y) == tuple(rank[TOPICS.index(region)] for rank in ranks)
    tops = [{TOPICS[i] for i in np.flatnonzero(rank <= 10)} for rank in ranks]
    assert set(change.enters) == tops[1] - tops[0]
    assert set(change.leaves) == tops[0] - tops[1]
    assert "Spearman" in as_text(difference)


def test_z_that_are_all_equal_have_no_correlation(sides):
    rows = {"topic_influence": topics([1.0, 1.0, 1.0])}
    (change,) = compare(*sides(rows, {"topic_influence": topics([1.0, 2.0, 3.0])})).ranks
    assert change.spearman is None


def test_one_file_can_be_compared_with_itself(tmp_path):
    side = publish(tmp_path / "a.duckdb", topic_influence=topics([1.0, 2.0]))
    assert compare(side, side).is_equal


def test_what_cannot_be_read_is_named(tmp_path):
    side = publish(tmp_path / "a.duckdb", topic_influence=topics([1.0, 2.0]))
    with pytest.raises(WarehouseError, match=r"gone\.duckdb: missing"):
        compare(side, Side("gone", tmp_path / "gone.duckdb"))
    (tmp_path / "text.duckdb").write_text("no database")
    with pytest.raises(WarehouseError, match=r"text\.duckdb: cannot be read"):
        compare(side, Side("text", tmp_path / "text.duckdb"))
    odd = publish(tmp_path / "odd.duckdb", bins=pl.DataFrame({"count(*)": [1]}))
    with pytest.raises(WarehouseError, match=r"odd\.duckdb: cannot be read"):
        compare(side, odd)
