"""Resamples of bin means: their centre, spread, correlation, and that they are reproducible."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from influence_warehouse.errors import FactError
from influence_warehouse.lake.fingerprint import Fingerprint
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.warehouse import resamples
from influence_warehouse.warehouse.resamples import (
    MIN_SUBSET_ITEMS,
    BinMoments,
    draw_document_noise,
    draw_resamples,
    draw_weights,
    item_noise,
    item_sums,
    items_of,
    moderated_covariance,
    semidefinite_cholesky,
    within_bin_moments,
)
from tests.scoring_lake import CELL, shard_part
from tests.synthetic import BENCHMARKS, synthetic_lake

NAMES = list(BENCHMARKS)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return synthetic_lake(tmp_path_factory.mktemp("lake"), documents=600, resamples=400)


def _moments(world):
    return within_bin_moments(world.lake, shards_of(world.study, CELL), NAMES, 576)


def test_moments_equal_numpy_within_each_bin(world):
    moments = _moments(world)
    scores = np.stack([world.document_scores(name) for name in NAMES], axis=1)
    for bin_id in np.unique(world.bin_of):
        inside = scores[world.bin_of == bin_id]
        assert moments.count[bin_id] == len(inside)
        centred = inside - inside.mean(axis=0)
        assert_allclose(moments.scatter[bin_id], centred.T @ centred, rtol=1e-9, atol=1e-15)
    assert_allclose(moments.total_scatter, np.cov(scores.T) * (len(scores) - 1), rtol=1e-9)


def test_mean_and_spread_of_the_resamples_are_those_of_both_sources_of_noise(world):
    """Over the draws: the bin mean, and cluster variance plus moderated document variance.

    What single items add to that, of variance 0.01^2 over 16 items beside the documents' own
    0.004^2, is in the item variance already.
    """
    own_share = 0.004**2 / (0.004**2 + 0.01**2 / 16)
    found = draw_resamples(world.study, world.lake, CELL)
    open_bins = found.bin_ids
    counts = np.bincount(world.bin_of, minlength=576)[open_bins]
    assert (found.documents == counts).all()
    covariance = moderated_covariance(_moments(world))
    for position, name in enumerate(NAMES):
        drawn = found.drawn["all"][name]
        values = drawn.means + drawn.item_noise + drawn.document_noise
        assert drawn.n_clusters == len(world.item_scores[name]) / 2
        assert_allclose(drawn.means, world.bin_means(name)[open_bins], rtol=1e-9)
        by_item = np.stack(
            [np.bincount(world.bin_of, row, 576)[open_bins] / counts
             for row in world.item_scores[name]]
        )  # fmt: skip
        # Two items share a source: the unbiased variance of a mean over 8 of them.
        by_source = (by_item[::2] + by_item[1::2]) / 2
        expected = by_source.var(axis=0, ddof=1) / len(by_source)
        expected += own_share * covariance[open_bins, position, position] / counts
        assert_allclose(values.mean(axis=0), world.bin_means(name)[open_bins], atol=0.0015)
        # 400 draws know a variance to 7 %; over all bins together to well below 5 %.
        ratios = values.var(axis=0, ddof=1) / expected
        assert 0.95 < ratios.mean() < 1.05
        assert ratios.min() > 0.6 and ratios.max() < 1.5


def test_documents_shared_by_benchmarks_give_correlated_noise(world):
    moments = _moments(world)
    noise = draw_document_noise(moments, NAMES, 4000, seed=3)
    covariance = moderated_covariance(moments)
    for bin_id in np.flatnonzero(moments.count)[:5]:
        found = np.cov(noise[:, bin_id, :].T) * moments.count[bin_id]
        assert_allclose(found, covariance[bin_id], atol=0.1 * np.abs(covariance[bin_id]).max())
        assert covariance[bin_id][0, 1] > 0, "the synthetic documents have noise in common"


def test_shards_do_not_change_the_moments(world, tmp_path):
    one = synthetic_lake(tmp_path, documents=600, resamples=100, shards=1)
    alone = within_bin_moments(one.lake, shards_of(one.study, CELL), NAMES, 576)
    assert_allclose(_moments(world).scatter, alone.scatter, rtol=1e-6, atol=1e-12)


def test_a_later_benchmark_leaves_the_draws_of_the_earlier_ones(world):
    moments = _moments(world)
    three = BinMoments(moments.count, moments.scatter[:, :3, :3], moments.total_scatter[:3, :3])
    before = draw_document_noise(three, NAMES[:3], 20, seed=1)
    after = draw_document_noise(moments, NAMES, 20, seed=1)
    assert_allclose(after[..., :3], before, rtol=1e-12, atol=1e-18)


def _answered(right: int, wrong: int, items_of_a_source: int = 1) -> pl.DataFrame:
    """Sums of items over three bins of two documents, the first `right` of them answered right."""
    items = right + wrong
    scores = np.random.default_rng(5).normal(size=(items, 3))
    return pl.DataFrame(
        {
            "item_id": np.repeat([f"{i:03d}" for i in range(items)], 3),
            "bin_id": np.tile([0, 7, 500], items),
            "n_documents": 2,
            "score_sum": 2 * scores.ravel(),
            "is_correct": np.repeat(np.arange(items) < right, 3),
            "cluster": np.repeat([f"{i // items_of_a_source}" for i in range(items)], 3),
        }
    )


def _draws(sums: pl.DataFrame, resamples: int) -> dict[str, np.ndarray]:
    """What drawing items adds to the bins' means, by item subset."""
    items = items_of(sums, np.array([0, 7, 500]))
    weights = draw_weights(items.clusters, "x", resamples, 1)
    return {subset: item_noise(items.of_subset(subset), weights) for subset in items.subsets}


def test_items_that_agree_leave_no_item_noise():
    same = _answered(4, 0).with_columns(score_sum=pl.lit(3.0))
    assert_allclose(_draws(same, 50)["all"], 0)


def test_right_and_wrong_answers_are_resampled_each_with_their_own_variance():
    sums = _answered(30, 12)
    draws = _draws(sums, 20_000)
    assert set(draws) == {"all", "correct", "incorrect"}
    by_item = (sums["score_sum"].to_numpy() / 2).reshape(42, 3)
    for subset, rows in (("correct", by_item[:30]), ("incorrect", by_item[30:])):
        found = draws[subset]
        assert_allclose(found.mean(axis=0), 0, atol=0.01)
        # The unbiased variance of a mean: 20,000 draws know it to 1 %.
        assert_allclose(found.var(axis=0), rows.var(axis=0, ddof=1) / len(rows), rtol=0.05)
    correlations = np.corrcoef(draws["correct"][:, 0], draws["incorrect"][:, 0])
    assert abs(correlations[0, 1]) < 0.06, "items that share no source hardly move together"


def test_items_of_one_source_are_drawn_together():
    """21 sources of two items: the unbiased variance of a mean over sources, not over items."""
    sums = _answered(42, 0, items_of_a_source=2)
    by_source = (sums["score_sum"].to_numpy() / 2).reshape(21, 2, 3).mean(axis=1)
    found = _draws(sums, 20_000)["all"]
    assert_allclose(found.var(axis=0), by_source.var(axis=0, ddof=1) / 21, rtol=0.05)
    alike = sums.with_columns(score_sum=pl.col("score_sum").first().over("cluster", "bin_id"))
    doubled = _draws(alike, 2_000)["all"]
    once = alike.group_by("cluster", "bin_id", maintain_order=True).first()
    assert_allclose(_draws(once.sort("item_id", "bin_id"), 2_000)["all"], doubled, atol=1e-12)


def test_right_and_wrong_answers_of_one_source_move_together():
    """Each source has a right and a wrong item of the same scores: the same noise in both."""
    sums = _answered(20, 0)
    twice = pl.concat(
        [
            sums,
            sums.with_columns(
                item_id=pl.concat_str(pl.lit("w"), "item_id"), is_correct=pl.lit(False)
            ),
        ]
    ).sort("item_id", "bin_id")
    draws = _draws(twice, 200)
    assert_allclose(draws["correct"], draws["incorrect"], atol=1e-12)


@pytest.mark.parametrize(
    ("right", "wrong", "subsets"),
    [
        (20, 0, {"all", "correct"}),
        (0, 20, {"all", "incorrect"}),
        (20, MIN_SUBSET_ITEMS, {"all", "correct", "incorrect"}),
        (20, MIN_SUBSET_ITEMS - 1, {"all", "correct"}),
    ],
)
def test_subsets_of_too_few_items_are_left_out_and_a_whole_one_is_repeated(right, wrong, subsets):
    draws = _draws(_answered(right, wrong), 50)
    assert set(draws) == subsets
    for subset in subsets - {"all"}:
        assert np.array_equal(draws[subset], draws["all"]) == (right * wrong == 0)


def test_subsets_share_the_noise_of_the_documents(world):
    """So that it cancels in the difference between right and wrong answers."""
    study, name = world.study, NAMES[0]
    found = draw_resamples(study, world.lake, CELL)
    items = items_of(item_sums(world.lake, CELL).filter(benchmark=name), found.bin_ids)
    weights = draw_weights(items.clusters, name, study.statistics.resamples, study.seed)
    drawn = {subset: found.drawn[subset][name] for subset in ("all", "correct")}
    for subset, own in drawn.items():
        assert np.array_equal(own.item_noise, item_noise(items.of_subset(subset), weights))
    assert np.array_equal(drawn["correct"].document_noise, drawn["all"].document_noise)
    assert drawn["all"].document_noise.std() > 1e-4


def test_other_answers_make_other_resamples(tmp_path):
    again = synthetic_lake(tmp_path, documents=600, resamples=100)
    before = draw_resamples(again.study, again.lake, CELL).drawn
    flipped = again.lake.read("item_predictions", "base").with_columns(~pl.col("is_correct"))
    made = Fingerprint.of("item_predictions", flipped=1)
    again.lake.write("item_predictions", flipped, made, "base")
    after = draw_resamples(again.study, again.lake, CELL).drawn
    assert set(before) == {"all", "correct"} and set(after) == {"all", "incorrect"}
    for name in NAMES:
        assert np.array_equal(after["all"][name].item_noise, before["all"][name].item_noise)
        assert np.array_equal(after["incorrect"][name].means, before["correct"][name].means)


def test_single_documents_take_the_pooled_covariance():
    scatter = np.zeros((576, 1, 1))
    scatter[0] = 12.0
    count = np.zeros(576)
    count[0], count[1] = 4, 1
    pooled = moderated_covariance(BinMoments(count, scatter, np.eye(1)))
    assert_allclose(pooled[1], 4.0)
    assert_allclose(pooled[0], (resamples.PRIOR_DEGREES_OF_FREEDOM * 4 + 12) / 7)


def test_only_single_documents_take_the_covariance_over_all():
    count = np.zeros(576)
    count[:5] = 1
    only = BinMoments(count, np.zeros((576, 1, 1)), np.full((1, 1), 8.0))
    assert_allclose(moderated_covariance(only)[0], 2.0)


def test_the_share_of_the_items_leaves_the_variances_and_keeps_the_covariance():
    count, scatter = np.full(576, 5.0), np.zeros((576, 2, 2))
    scatter[:] = 4 * np.array([[2.0, 0.5], [0.5, 1.0]])
    moments = BinMoments(count, scatter, np.eye(2))
    noise = draw_document_noise(moments, ["a", "b"], 200, 1, np.array([0.5, 0.25]))
    found = np.einsum("rki,rkj->ij", noise, noise) / (200 * 576) * 5
    assert_allclose(found, [[1.0, 0.5], [0.5, 0.75]], atol=0.02)
    # More covariance than the variances left allow: the variances are what is kept.
    noise = draw_document_noise(moments, ["a", "b"], 200, 1, np.array([0.9, 0.9]))
    variances = noise.var(axis=(0, 1)) * 5
    assert_allclose(variances, [0.2, 0.1], rtol=0.03)


def test_cholesky_of_singular_matrices():
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(40, 4, 2))
    matrices = roots @ roots.transpose(0, 2, 1)
    factor = semidefinite_cholesky(matrices)
    assert_allclose(factor @ factor.transpose(0, 2, 1), matrices, atol=1e-9)
    assert (np.triu(factor, 1) == 0).all()
    assert (semidefinite_cholesky(np.zeros((3, 2, 2))) == 0).all()


def test_a_benchmark_scored_for_fewer_documents_is_refused(tmp_path):
    world = synthetic_lake(tmp_path, documents=600, resamples=100)
    frame = world.lake.read("document_scores", shard_part(0))
    dropped = frame.filter(~((pl.col("benchmark") == NAMES[2]) & (pl.col("doc_id") == "doc-00000")))
    made = Fingerprint.of("document_scores", damaged=1)
    world.lake.write("document_scores", dropped, made, shard_part(0))
    with pytest.raises(FactError, match=f"00000.parquet.*{NAMES[2]}.*Remedy"):
        draw_resamples(world.study, world.lake, CELL)
