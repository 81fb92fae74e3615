"""Nominal 95 % intervals hold the truth in 93 to 97 %, and q < 0.10 is wrong in at most 10 %.

On simulated studies with known truth, through the package's own resampling and inference. The
tables of docs/statistics.md come from `python -m tests.calibration`, over more regimes.
"""

import numpy as np
import pytest

from influence_warehouse.warehouse import resamples
from tests.calibration import REGIMES, expected_correlations, measure

THIN = "2-5 documents, 30 items"


def _assert_calibrated(rates: dict) -> None:
    """Within 93 to 97 %, but for three standard errors of the simulation itself."""
    for (value, level), (rate, error, studies) in rates.items():
        if value == "true_pearson":
            # One interval a study: binomial error, 3.4 % of 40.
            assert studies < 20 or rate > 0.93 - 3 * np.sqrt(0.05 * 0.95 / studies)
        # Picked for standing out, or published in a few lucky studies: documented, not promised.
        elif not value.endswith("picked") and studies >= 20:
            assert 0.93 - 3 * error < rate < 0.97 + 3 * error, (value, level, rate, error)


def test_intervals_of_thin_bins_hold_the_truth():
    rates = measure(REGIMES[THIN], studies=10, seed=3)
    for value in ("z", "delta_z", "interaction_z", "signal_z", "mean"):
        rate, error, _ = rates[value, "bin"]
        assert 0.93 < rate < 0.97 and error < 0.015, (value, rate, error)
    # What is picked because it stands out is held less often: the docs say so.
    assert rates["z picked", "bin"][0] < 0.92


@pytest.mark.slow
@pytest.mark.parametrize(
    "regime",
    [THIN, "2-5, 30, mostly interaction", "5-20, 30, weak spread", "2-5, 30, heavy tails"],
)
def test_intervals_hold_the_truth_in_every_regime(regime):
    rates = measure(REGIMES[regime], studies=40, seed=4)
    _assert_calibrated(rates)
    assert rates["z", "bin"][1] < 0.005 and rates["z", "topic"][1] < 0.012, "too few studies"


@pytest.mark.slow
@pytest.mark.parametrize("regime", [THIN, "2-5, 30, weak spread"])
def test_at_most_a_tenth_of_the_discoveries_are_false(regime):
    for key, (rate, error, _) in measure(REGIMES[regime], 90, seed=5, null=True).items():
        assert rate < 0.10 + 2 * error, (key, rate, error)
        assert error < 0.04, "too few studies"


@pytest.mark.slow
@pytest.mark.parametrize("regime", ["2-5, 30, weak spread", "5-20, 5 sources of 12 items"])
def test_intervals_of_correlations_hold_the_expected_correlation(regime):
    rates = expected_correlations(REGIMES[regime], truths=4, repeats=100)
    # 400 intervals: binomial standard error 1.1 %.
    for level in ("bin", "topic"):
        rate, _, truths = rates["pearson", level]
        assert 0.93 - 0.03 < rate < 0.97 + 0.03
        assert truths == 4


def test_items_by_documents_counted_twice_would_give_wide_intervals(monkeypatch):
    regime = REGIMES["2-5, 30, mostly interaction"]
    once = measure(regime, studies=4, seed=6)["z", "bin"][0]
    nothing = np.zeros(4)
    monkeypatch.setattr("tests.simulated_studies.item_by_document_shares", lambda *_: nothing)
    twice = measure(regime, studies=4, seed=6)["z", "bin"][0]
    assert once < 0.97 < 0.985 < twice


def test_shares_are_the_part_that_items_by_documents_have(monkeypatch):
    """The residual's variance over the items, 9 / 30, beside 0.04 of the documents."""
    found = []
    original = resamples.item_by_document_shares
    monkeypatch.setattr(
        "tests.simulated_studies.item_by_document_shares",
        lambda *arguments: found.append(original(*arguments)) or found[-1],
    )
    measure(REGIMES["2-5, 30, mostly interaction"], studies=3, seed=7)
    assert np.mean(found) == pytest.approx(0.3 / 0.34, abs=0.02)
