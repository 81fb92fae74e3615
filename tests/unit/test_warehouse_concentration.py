"""Concentration of pure noise: closed forms, a deal counted by hand, and reproducible draws."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from influence_warehouse.pipeline.making import make_fact
from influence_warehouse.warehouse.concentration import (
    DRAWS,
    concentration,
    dealt_amounts,
    noise_of_counts,
    noise_rows,
)
from tests.synthetic import BENCHMARKS, CELL, synthetic_lake

RNG = np.random.default_rng
FACT = "concentration_noise"


def test_figures_of_amounts_counted_by_hand():
    """6, 3, 1, 0 of four bins: Gini (3 x 6 + 3 - 1) / (4 x 10), entropy of .6, .3, .1."""
    found = concentration(np.array([[3.0, -5.0, 1.0, 6.0], [2.0, 2.0, 2.0, 2.0]]))
    entropy = -sum(share * np.log(share) for share in (0.6, 0.3, 0.1))
    np.testing.assert_allclose(found["gini"], [0.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(found["effective_bins"], [np.exp(entropy), 4.0])
    np.testing.assert_allclose(found["top_10_share"], [1.0, 1.0])
    many = concentration(np.arange(200.0)[None])
    assert many["top_50_share"][0] == pytest.approx(sum(range(150, 200)) / sum(range(200)))


def test_equal_bins_give_the_figures_of_the_positive_half_of_a_normal():
    """Of max(Z, 0): Gini 2^-.5, effective bins n exp(-E[x ln x]), x being shares of the mean.

    Of |Z| the Gini is 2^.5 - 1; half of the bins are 0, which halves it and adds a half.
    E[x ln x] by quadrature.
    """
    bins = 568
    (row,) = noise_rows(noise_of_counts(np.full(bins, 7), RNG(0)))
    assert row["measure"] == "z"
    assert row["gini_of_noise"] == pytest.approx(2**-0.5, abs=0.004)
    grid = np.linspace(0, 9, 200_001)
    density = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)
    share = grid * np.sqrt(2 * np.pi)  # over the mean of max(Z, 0)
    logs = np.log(np.where(share > 0, share, 1))
    expected = bins * np.exp(-np.trapezoid(density * share * logs, grid))
    assert row["effective_bins_of_noise"] == pytest.approx(expected, rel=0.01)
    assert expected == pytest.approx(214, abs=1)
    for figure in ("gini", "effective_bins", "top_10_share"):
        middle, low, high = (row[f"{figure}_of_noise{end}"] for end in ("", "_low", "_high"))
        assert low < middle < high


def test_thin_bins_make_noise_more_concentrated():
    counts = np.where(np.arange(568) % 10, 100, 1)
    (even,), (uneven,) = (
        noise_rows(noise_of_counts(documents, RNG(1))) for documents in (np.full(568, 7), counts)
    )
    assert uneven["gini_of_noise_low"] > even["gini_of_noise_high"]
    assert uneven["effective_bins_of_noise_high"] < even["effective_bins_of_noise_low"]


def test_noise_without_a_positive_bin_has_no_figures():
    assert noise_rows({"mean": np.full((3, 4), -1.0)}) == [{"measure": "mean"}]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return synthetic_lake(tmp_path_factory.mktemp("lake"), documents=600, resamples=100)


def test_fact_is_reproducible_and_reused_and_shards_do_not_change_it(world, tmp_path):
    one = synthetic_lake(tmp_path, documents=600, resamples=100, shards=1)
    assert_frame_equal(one.lake.read(FACT, CELL), world.lake.read(FACT, CELL))
    outcome = make_fact(world.study, world.lake, FACT, CELL)[0]
    assert outcome.reused and outcome.rows == len(BENCHMARKS) * 3


def test_few_documents_are_dealt_in_every_way():
    """Five documents, two bins of 3 and 2: figures over draws are those over all 120 deals."""
    scores, tops = np.array([5.0, 1.0, -2.0, -3.0, 0.5]), np.array([2, 1, 0, 0, 1])
    columns = {"bin_id": [3, 3, 3, 8, 8], "score": scores, "n_tops": tops}
    found = dealt_amounts(pl.DataFrame(columns), RNG(3))
    orders = [list(order) for order in permutations(range(5))]
    dealt = np.array([[scores[o[:3]].mean(), scores[o[3:]].mean()] for o in orders])
    places = np.array([[tops[o[:3]].sum(), tops[o[3:]].sum()] for o in orders])
    for measure, all_deals in (("mean", dealt), ("top_share", places)):
        assert {tuple(row) for row in found[measure].round(9)} == {
            tuple(row) for row in all_deals.round(9)
        }
        expected = concentration(all_deals[(all_deals > 0).any(axis=1)])["gini"]
        (row,) = noise_rows({measure: found[measure]})
        error = expected.std() / np.sqrt(DRAWS)
        assert row["gini_of_noise"] == pytest.approx(expected.mean(), abs=4 * error)
    # Two bins are each other's opposite, whatever they hold.
    np.testing.assert_allclose(found["z"], np.sign(found["z"]) * 0.5**0.5)


def test_nothing_is_among_the_strongest_where_no_item_was_scored():
    columns = {"bin_id": [1, 2, 2], "score": [1.0, 2.0, 4.0], "n_tops": [0, 0, 0]}
    assert set(dealt_amounts(pl.DataFrame(columns), RNG(0))) == {"mean", "z"}
