"""Profiles, intervals and the facts of inference: computed by hand, by scipy, and from files."""

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.study.study import Contrast
from influence_warehouse.warehouse.inference import FACTS, infer
from influence_warehouse.warehouse.intervals import (
    correlations,
    degrees_of_freedom,
    fisher_interval,
    one_sided_p,
    t_half,
    two_sided_p,
)
from influence_warehouse.warehouse.profiles import (
    ItemNoise,
    Profile,
    levels,
    standardized,
    weighted_sum,
)
from influence_warehouse.warehouse.resamples import Drawn, Items, Resamples
from influence_warehouse.warehouse.support import Measure
from tests.scoring_lake import CELL
from tests.synthetic import BENCHMARKS, synthetic_lake


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return synthetic_lake(tmp_path_factory.mktemp("lake"), documents=600, resamples=100)


def test_the_share_of_the_signal_is_what_the_noise_leaves():
    """Means 0 and 4: spread sqrt 8. Both resamples add half of a spread squared as variance, along
    the means and against them."""
    means, noise = np.array([0.0, 4.0]), np.array([[-1.0, 1.0], [1.0, -1.0]])
    profile, signal = standardized(Drawn(means, noise, 0 * noise, 8))
    assert_allclose(profile.z, [-(0.5**0.5), 0.5**0.5])
    assert_allclose(profile.noise, noise / 8**0.5)
    assert signal.share == pytest.approx(1 - 2 / 8)
    # The variance over bins of sqrt(0.75) z + noise is 0.75 + 0.25 +- 2 sqrt(0.75) / 2.
    assert signal.error == pytest.approx(np.std([0.75**0.5, -(0.75**0.5)], ddof=1))
    assert np.isnan(signal.scale) and np.isnan(profile.signal_z).all()


def test_a_sure_signal_gives_its_own_z_and_the_error_of_their_scale():
    """Noise across the means leaves the scale alone: the signal's z is divided by it, and so is
    its noise, less what a resample adds to the spread, to first order."""
    means = np.array([0.0, 0.0, 4.0, 4.0])
    across = np.array([1.0, -1.0, 1.0, -1.0])
    noise = np.array([[0.5], [-0.5], [0.5], [-0.5]]) * across
    drawn = Drawn(means, noise / 2, noise / 2, 8)
    profile, signal = standardized(drawn)
    scale = np.sqrt(1 - 0.25 / 4)
    assert signal.scale == pytest.approx(scale)
    assert_allclose(profile.signal_z, profile.z / scale)
    assert_allclose(profile.signal_z_noise, profile.noise / scale, atol=1e-15)
    noise = np.array([[0.02], [-0.02]]) * (means - 2)
    along = Drawn(means, noise, 0 * noise, 8)
    profile, signal = standardized(along)
    # The spread grows by 2 %, and signal_z with it, so that nothing is left but the second order.
    assert_allclose(profile.noise[0], 0.02 * profile.z)
    assert_allclose(profile.signal_z_noise, 0, atol=5e-4)


def test_equal_means_have_no_spread_to_divide_by():
    profile, signal = standardized(Drawn(np.full(3, 0.1), *np.zeros((2, 5, 3)), 4))
    assert np.isnan(profile.z).all() and np.isnan(signal.share)


def test_regions_are_means_of_their_bins_with_documents():
    """Topics b and a over bins 0, 2, 3; bin 1 is empty; format y has bin 3 alone."""
    cells = pl.DataFrame(
        {"bin_id": [0, 1, 2, 3], "topic": ["b", "b", "a", "a"], "format": ["x", "y", "x", "y"]},
        schema_overrides={"bin_id": pl.Int32},
    )
    bins, topics, formats = levels(cells, np.array([0, 2, 3]), np.array([1, 2, 5]))
    assert_allclose(topics.region_ids, [0, 1])
    assert_allclose(topics.mean(np.array([3.0, 1.0, 2.0])), [1.5, 3.0])
    # Topic a holds 2 and 5 documents.
    assert_allclose(topics.document_weights, [[0, 1], [2 / 7, 0], [5 / 7, 0]])
    assert_allclose(formats.mean(np.array([3.0, 1.0, 2.0])), [2.0, 2.0])
    # (4 + x)^2 / x of x = 1, 1, 4 documents beyond the first, one at least.
    assert_allclose(bins.document_freedom, [25, 25, 16])
    assert_allclose(topics.document_freedom, [41, 25])
    one = cells.with_columns(format=pl.lit("all"))
    assert [level.name for level in levels(one, np.array([0]), np.array([1]))] == ["bin", "topic"]


def test_degrees_of_freedom_are_satterthwaites():
    """Of items alone those of the clusters, of documents alone theirs, of halves in between."""
    items, documents, free = np.array([2.0, 0, 1]), np.array([0, 2.0, 1]), np.full(3, 40.0)
    assert_allclose(
        degrees_of_freedom([(items, 11)], documents, free), [10, 40, 4 / (1 / 10 + 1 / 40)]
    )
    both = degrees_of_freedom([(items, 11), (items, 6)], 0 * documents, free)
    assert_allclose(both[0], 16 / (4 / 10 + 4 / 5))
    one = degrees_of_freedom([(0 * items, 1)], np.ones(3), free)
    assert_allclose(one, 40, err_msg="one cluster adds nothing")
    assert np.isnan(degrees_of_freedom([(0 * items, 5)], 0 * documents, free)).all()


def test_an_interval_leaves_out_0_exactly_where_p_is_below_a_twentieth():
    freedom = np.array([1.0, 4.0, 29.0])
    half = t_half(freedom)
    assert_allclose(half, stats.t.ppf(0.975, freedom))
    assert_allclose(two_sided_p(half, np.ones(3), freedom), 0.05)
    assert_allclose(one_sided_p(-half, np.ones(3), freedom), 0.975)
    assert np.isnan(two_sided_p(np.ones(2), np.array([0.0, 1e-17]), np.ones(2))).all()


def test_a_contrast_weighs_values_and_noise_and_keeps_each_benchmarks_items():
    def profile(value: float, clusters: int) -> Profile:
        own = np.full((1, 1), value)
        return Profile(own[0], (ItemNoise(own, clusters),), own, own[0], own)

    found = weighted_sum([profile(2.0, 8), profile(0.5, 6)], [1, -1])
    assert [(part.draws.item(), part.n_clusters) for part in found.item_noise] == [
        (2, 8),
        (-0.5, 6),
    ]
    assert_allclose([found.z, found.signal_z], 1.5)
    assert_allclose([found.document_noise, found.signal_z_noise], 1.5)
    assert_allclose(found.noise, 3, err_msg="items and documents together")


def test_correlations_without_noise_are_pearsons_and_noise_in_common_is_taken_out():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(2, 400))
    signal[1] += signal[0]
    noise = rng.normal(size=(300, 400))
    shown = signal + 0.8 * noise[0]

    def profile(z: np.ndarray, noise: np.ndarray) -> Profile:
        return Profile(z, (ItemNoise(0 * noise, 9),), noise, z, noise)

    quiet = correlations([profile(z, np.zeros((2, 400))) for z in signal])
    assert_allclose(quiet.pearson, np.corrcoef(signal), atol=1e-12)
    assert_allclose(quiet.true_pearson[0, 1], quiet.pearson[0, 1])
    assert_allclose(quiet.error[0, 1], 0, atol=1e-12)
    assert_allclose(fisher_interval(quiet.pearson[0, 1], 0.0), quiet.pearson[0, 1])
    noisy = correlations([profile(z, 0.8 * noise[1:]) for z in shown])
    assert noisy.pearson[0, 1] > quiet.pearson[0, 1] + 0.03
    assert noisy.true_pearson[0, 1] == pytest.approx(quiet.pearson[0, 1], abs=0.04)
    assert_allclose(noisy.share, [1 / 1.64, 2 / 2.64], atol=0.06)


def test_too_few_wrong_answers_have_no_rows_of_inference(world):
    """10 of 16 items are answered right."""
    assert set(world.lake.read("region_inference", CELL)["item_subset"]) == {"all", "correct"}
    assert world.lake.rows("correctness_inference", CELL) == 0
    assert world.lake.rows("correctness_contrast_inference", CELL) == 0


def test_a_benchmark_without_wrong_answers_has_no_part_in_their_contrasts():
    rng = np.random.default_rng(1)

    def drawn() -> Drawn:
        return Drawn(rng.normal(size=3), *rng.normal(size=(2, 20, 3)), 12)

    def items() -> Items:
        return Items(
            rng.normal(size=(12, 3)), np.arange(12), dict.fromkeys(draws, np.full(12, True))
        )

    draws = {"all": {"a": drawn(), "b": drawn()}, "correct": {"a": drawn(), "b": drawn()}}
    draws["incorrect"] = {"a": drawn()}
    cells = pl.DataFrame({"bin_id": [0, 1, 2], "topic": list("xyy"), "format": ["one"] * 3})
    regions = levels(cells.cast({"bin_id": pl.Int32}), np.arange(3), np.ones(3))
    resamples = Resamples(np.arange(3), np.ones(3, int), draws, {}, pl.DataFrame())
    found = {name: {"support": Measure(items(), np.zeros(3))} for name in ("a", "b")}
    rows = list(infer(resamples, found, regions, {"a_minus_b": {"a": 1.0, "b": -1.0}}))
    compared = [columns for fact, columns in rows if fact == "contrast_inference"]
    assert {columns["item_subset"] for columns in compared} == {"all", "correct"}
    differences = [columns for fact, columns in rows if fact == "correctness_inference"]
    assert {columns["benchmark"] for columns in differences} == {"a"}
    assert "correctness_contrast_inference" not in {fact for fact, _ in rows}


def _bytes(world) -> list[bytes]:
    return [world.lake.path(fact, CELL).read_bytes() for fact in FACTS]


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(world, tmp_path):
    again = synthetic_lake(tmp_path, documents=600, resamples=100)
    assert _bytes(again) == _bytes(world)
    assert all(made.reused for made in make_fact(again.study, again.lake, FACTS[0], CELL))
    other = again.study.model_copy(update={"seed": 8})
    assert not make_fact(other, again.lake, FACTS[0], CELL)[0].reused
    assert _bytes(again)[0] != _bytes(world)[0]


def test_another_contrast_remakes_the_inference(tmp_path):
    world = synthetic_lake(tmp_path, documents=300, resamples=100)
    a, b, *_ = BENCHMARKS
    added = (*world.study.contrasts, Contrast(name="again", a=b, b=a))
    study = world.study.model_copy(update={"contrasts": added})
    before = world.lake.read("region_inference", CELL)
    assert not make_fact(study, world.lake, "contrast_inference", CELL)[0].reused
    assert "again" in set(world.lake.read("contrast_inference", CELL)["contrast"])
    assert world.lake.read("region_inference", CELL).equals(before)
