"""Split halves: what is halved, reliability of known worlds, and that draws are reproducible."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from polars.testing import assert_frame_equal

from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.warehouse.split_halves import (
    SPLITS,
    correlations_of,
    halves_over_documents,
    halves_over_items,
)
from tests.scoring_lake import CELL
from tests.synthetic import synthetic_lake

RNG = np.random.default_rng


def test_halves_of_items_are_disjoint_and_whole():
    """Items of powers of two: the sum over a half says which items are in it."""
    means = np.repeat(2.0 ** np.arange(7)[:, None], 576, axis=1)
    first, second = halves_over_items(means, np.arange(7), 50, RNG(0))[:, :, 0] * np.array(
        [[4], [3]]
    )
    assert_allclose(first + second, 127)
    assert len(np.unique(first.round())) > 20, "every split is drawn anew"
    assert all(int(value).bit_count() == 4 for value in first.round())


def test_items_of_one_source_stay_in_one_half():
    means = np.repeat(2.0 ** np.arange(6)[:, None], 576, axis=1)
    first, second = halves_over_items(means, np.arange(6) // 2, 50, RNG(0))[:, :, 0]
    # Of three sources one half has two, four items, and the other the rest.
    assert set((first * 4).round()) == {3 + 12, 3 + 48, 12 + 48}
    assert_allclose(4 * first + 2 * second, 63)


def test_halves_of_documents_stay_in_their_bins():
    bin_ids = np.array([3] * 5 + [8] * 2 + [9])
    scores = 2.0 ** np.arange(8)[:, None]
    halves = halves_over_documents(bin_ids, scores, 60, RNG(0), 576)[..., 0]
    assert_allclose(halves[0, :, 3] * 3 + halves[1, :, 3] * 2, 31)
    assert set(halves[0, :, 8]) == {32.0, 64.0} == set(halves[1, :, 8])
    assert_allclose(halves[0, :, 8] + halves[1, :, 8], 96)
    assert np.isnan(np.delete(halves, [3, 8], axis=2)).all(), "one document has no halves"
    assert len(np.unique(halves[0, :, 3])) == 10, "all ways to draw 3 of 5"


def test_correlations_equal_numpy():
    first, second = RNG(1).normal(size=(2, 6, 30))
    first[:, 4] = np.nan
    held = np.arange(30) != 4
    expected = [np.corrcoef(a[held], b[held])[0, 1] for a, b in zip(first, second, strict=True)]
    assert_allclose(correlations_of(first, second), expected, atol=1e-12)


def test_constant_profiles_and_two_regions_have_no_correlation():
    varied = RNG(0).normal(size=(3, 10))
    assert np.isnan(correlations_of(np.full((3, 10), 0.1), varied)).all()
    assert np.isnan(correlations_of(varied[:, :2], varied[:, 2:4])).all()


def _reliability(halves: np.ndarray) -> float:
    mean = correlations_of(halves[0], halves[1]).mean()
    return 2 * mean / (1 + mean)


@pytest.mark.parametrize("signal", [0.0, 1.0, 3.0])
def test_reliability_over_items_is_the_share_of_variance_that_is_not_noise(signal):
    """Spearman and Brown: signal^2 / (signal^2 + 1 / items) for noise of variance 1."""
    found, items = [], 12
    for seed in range(12):
        rng = RNG(seed)
        means = signal / np.sqrt(items) * rng.normal(size=576) + rng.normal(size=(items, 576))
        found.append(_reliability(halves_over_items(means, np.arange(items), 40, rng)))
    assert np.mean(found) == pytest.approx(signal**2 / (signal**2 + 1), abs=0.04)


@pytest.mark.parametrize("signal", [0.0, 2.0])
def test_reliability_over_documents_is_the_share_of_variance_that_is_not_noise(signal):
    found, documents = [], 6
    for seed in range(8):
        rng = RNG(seed)
        bin_ids = np.repeat(np.arange(576), documents)
        truth = signal / np.sqrt(documents) * rng.normal(size=576)
        scores = truth[bin_ids] + rng.normal(size=len(bin_ids))
        found.append(
            _reliability(halves_over_documents(bin_ids, scores[:, None], 30, rng, 576)[..., 0])
        )
    assert np.mean(found) == pytest.approx(signal**2 / (signal**2 + 1), abs=0.04)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return synthetic_lake(tmp_path_factory.mktemp("lake"), documents=600, resamples=100)


def test_fact_is_reproducible_reused_and_whole(world, tmp_path):
    again = synthetic_lake(tmp_path, documents=600, resamples=100)
    path = world.lake.path("split_half_correlations", CELL)
    assert again.lake.path("split_half_correlations", CELL).read_bytes() == path.read_bytes()
    outcome = make_fact(world.study, world.lake, "split_half_correlations", CELL)[0]
    assert outcome.reused and outcome.rows == 4 * 2 * 3 * SPLITS
    other = again.study.model_copy(update={"seed": 8})
    assert not make_fact(other, again.lake, "split_half_correlations", CELL)[0].reused
    assert again.lake.path("split_half_correlations", CELL).read_bytes() != path.read_bytes()


def test_shards_do_not_change_the_draw(world, tmp_path):
    one = synthetic_lake(tmp_path, documents=600, resamples=100, shards=1)
    assert_frame_equal(
        one.lake.read("split_half_correlations", CELL),
        world.lake.read("split_half_correlations", CELL),
    )


def test_halves_of_documents_correlate_as_their_means_do(world):
    """One split recomputed from the definition: some half of every bin, of equal sizes."""
    rows = world.lake.read("split_half_correlations", CELL).filter(
        split_over="documents", level="bin", benchmark="stem_reasoning"
    )
    counts = np.bincount(world.bin_of, minlength=576)
    scores = world.document_scores("stem_reasoning")
    rng, expected = RNG(5), []
    for _ in range(100):
        pairs = []
        for bin_id in np.flatnonzero(counts > 1):
            drawn = rng.permutation(scores[world.bin_of == bin_id])
            pairs.append((drawn[::2].mean(), drawn[1::2].mean()))
        expected.append(np.corrcoef(np.array(pairs).T)[0, 1])
    error = np.std(expected) * np.sqrt(1 / 100 + 1 / SPLITS)
    assert abs(rows["pearson"].mean() - np.mean(expected)) < 4 * error
