"""The roll-up of a shard: any blocks give what the whole matrix gives."""

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from influence_warehouse.attribution.rollup import Shard, ShardRollup
from influence_warehouse.errors import HealthError

BENCHMARKS = ["a", "a", "a", "b", "b"]


def shard(n_documents: int, bucketed: bool = False) -> Shard:
    rng = np.random.default_rng(1)
    names = [f"d{number:03d}" for number in rng.permutation(n_documents)]
    documents = pl.DataFrame({"doc_id": names, "bin_id": rng.integers(0, 4, n_documents)})
    items = pl.DataFrame({"benchmark": BENCHMARKS, "item_id": [f"i{n}" for n in range(5)]})
    buckets = pl.Series(rng.integers(0, 3, n_documents))
    return Shard("base", "dot", documents, items, buckets if bucketed else None)


@st.composite
def blocks(draw):
    n_documents = draw(st.integers(1, 30))
    # Few values, so that there are ties.
    values = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0])
    scores = np.array(draw(st.lists(values, min_size=n_documents * 5, max_size=n_documents * 5)))
    order = draw(st.permutations(range(n_documents)))
    cuts = sorted(draw(st.lists(st.integers(0, n_documents), max_size=6)))
    k = draw(st.integers(1, 4))
    edges = [0, *cuts, n_documents]
    parts = [order[low:high] for low, high in itertools.pairwise(edges) if low < high]
    return scores.reshape(n_documents, 5).astype(np.float32), parts, k


@given(blocks())
@settings(deadline=None, max_examples=60)
def test_blocks_give_what_the_whole_matrix_gives(drawn):
    scores, parts, k = drawn
    of = shard(len(scores))
    rollup = ShardRollup(of, k)
    for rows in parts:
        rollup.add(rows, scores[rows])
    facts = rollup.facts()
    bins, names = of.documents["bin_id"].to_numpy(), of.documents["doc_id"].to_list()
    positive = np.maximum(scores.astype(np.float64), 0)
    for row in facts["shard_bin_item_scores"].iter_rows(named=True):
        column, members = int(row["item_id"][1]), bins == row["bin_id"]
        assert row["n_documents"] == members.sum() and row["benchmark"] == BENCHMARKS[column]
        assert row["score_sum"] == pytest.approx(scores[members, column].sum())
        assert row["score_sum_sq"] == pytest.approx((scores[members, column] ** 2).sum())
        assert row["positive_sum_sq"] == pytest.approx((positive[members, column] ** 2).sum())
        assert row["positive_sum_fourth"] == pytest.approx((positive[members, column] ** 4).sum())
    for row in facts["document_scores"].iter_rows(named=True):
        columns = [n for n, benchmark in enumerate(BENCHMARKS) if benchmark == row["benchmark"]]
        own = names.index(row["doc_id"])
        assert row["score"] == pytest.approx(scores[own, columns].mean())
        assert row["positive_square"] == pytest.approx((positive[own, columns] ** 2).mean())
    extremes = facts["shard_proponents"]
    for column in range(5):
        pairs = list(zip(scores[:, column].tolist(), names, strict=True))
        ends = sorted(pairs, key=lambda pair: (-pair[0], pair[1]))[:k]
        ends += sorted(pairs, key=lambda pair: (pair[0], pair[1]))[:k]
        found = extremes.filter(item_id=f"i{column}").select("score", "doc_id").rows()
        assert sorted(found) == sorted({*ends})


@given(blocks())
@settings(deadline=None, max_examples=30)
def test_sums_by_bucket_are_sums_over_documents_and_change_no_other_fact(drawn):
    scores, parts, k = drawn
    facts = {}
    for bucketed in (False, True):
        of = shard(len(scores), bucketed)
        rollup = ShardRollup(of, k)
        for rows in parts:
            rollup.add(rows, scores[rows])
        facts[bucketed] = rollup.facts()
    by_bucket = facts[True].pop("shard_bucket_item_scores")
    assert all(facts[True][name].equals(frame) for name, frame in facts[False].items())
    buckets = of.buckets.to_numpy()
    assert by_bucket.height == len({*buckets}) * 5
    for row in by_bucket.iter_rows(named=True):
        column, members = int(row["item_id"][1]), buckets == row["bucket"]
        assert row["n_documents"] == members.sum() and row["benchmark"] == BENCHMARKS[column]
        assert row["score_sum"] == pytest.approx(scores[members, column].sum())


@pytest.mark.parametrize("rows", [[0, 1], [0, 1, 2, 2], [0, 0, 1]])
def test_a_document_that_did_not_come_once_is_refused(rows):
    rollup = ShardRollup(shard(3), 2)
    for row in rows:
        rollup.add([row], np.ones((1, 5), dtype=np.float32))
    with pytest.raises(HealthError, match=r"dot of base: \d of 3 documents.*Remedy"):
        rollup.facts()


def test_what_is_not_a_number_stays_visible():
    rollup = ShardRollup(shard(8), 2)
    scores = np.full((8, 5), np.nan, dtype=np.float32)
    scores[2] = 1
    rollup.add(range(8), scores)
    facts = rollup.facts()
    assert facts["document_scores"]["score"].is_nan().sum() == 14
    assert facts["shard_proponents"].filter(score=1)["item_id"].n_unique() == 5
