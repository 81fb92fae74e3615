"""How often the marts' intervals hold the truth, and their discoveries are false, by simulation.

Run as a module it prints what the tables of docs/statistics.md say, of all regimes or those
named: python -m tests.calibration 1000 [REGIME ...]
"""

import sys
from collections import defaultdict

import numpy as np
from scipy import stats

from tests.interval_twin import (
    correlations,
    degrees_of_freedom,
    fisher_interval,
    p_value,
    profiles,
    t_quantile,
)
from tests.simulated_studies import (
    BY_BIN,
    BY_TOPIC,
    CONTRAST,
    INTERACTION,
    Regime,
    SimulatedStudy,
    null_truth,
    profile_truth,
    simulate,
)

LEVELS = {"bin": BY_BIN, "topic": BY_TOPIC}
REGIMES = {
    "2-5 documents, 30 items": Regime(),
    "2-5, 200": Regime(items=200),
    "5-20, 30": Regime(documents=(5, 20)),
    "5-20, 200": Regime(documents=(5, 20), items=200),
    "50, 30": Regime(documents=(50, 50)),
    "2-5, 30, no interaction": Regime(item_in_topic=0, item_in_bin=0, residual=0),
    "2-5, 30, mostly interaction": Regime(document=0.2, residual=3.0),
    "2-5, 30, weak spread": Regime(spread=0.3),
    "5-20, 30, weak spread": Regime(documents=(5, 20), spread=0.3),
    "2-5, 30, heavy tails": Regime(heavy_tails=True),
    "5-20, 30, heavy tails, unequal bins": Regime((5, 20), heavy_tails=True, unequal_bins=0.5),
}
Rates = dict[tuple[str, str], float]
# Mean, its standard error over studies, and how many studies have a rate.
Summary = dict[tuple[str, str], tuple[float, float, int]]


def coverage(study: SimulatedStudy) -> Rates:
    """Share of the intervals of one study that hold the truth, by value and level."""
    found = profiles(study.means, study.resampled)
    deviation = study.truth - study.truth.mean(axis=1, keepdims=True)
    held = deviation / study.means.std(axis=1, ddof=1, keepdims=True)
    true = deviation / deviation.std(axis=1, ddof=1, keepdims=True)
    rates: Rates = {}
    own_half = t_quantile(degrees_of_freedom(study.items, study.documents, BY_BIN))
    error = study.resampled.std(axis=1, ddof=1)
    rates["mean", "bin"] = _held(study.means, own_half * error, study.truth)
    for level, weights in LEVELS.items():
        half = t_quantile(degrees_of_freedom(study.items, study.documents, weights))
        for name, z, noise, target in (
            ("z", found.z, found.noise, held),
            ("true_z", found.true_z, found.true_noise, true),
        ):
            z, noise, target = z @ weights, noise @ weights, target @ weights
            error = half * noise.std(axis=1, ddof=1)
            rates[name, level] = _held(z, error, target)
            rates[f"{name} picked", level] = _held(np.where(z > 1.5, z, np.nan), error, target)
            for kind, c in (("delta", CONTRAST), ("interaction", INTERACTION)):
                error = np.tensordot(c, noise, 1).std(axis=0, ddof=1)
                rates[f"{kind}_{name}", level] = _held(c @ z, half * error, c @ target)
        both = correlations((found.z @ weights)[:2], (found.noise @ weights)[:2])
        true_r, true_error = both[2:]
        if np.isfinite(found.true_z[:2]).all() and np.isfinite(true_error):
            low, high = fisher_interval(true_r, true_error)
            rates["true_pearson", level] = float(
                low <= np.corrcoef((study.truth @ weights)[:2])[0, 1] <= high
            )
    return rates


def _held(estimate: np.ndarray, half: np.ndarray, target: np.ndarray) -> float:
    """NaN where no interval is published."""
    inside = (np.abs(estimate - target) <= half)[np.isfinite(half) & np.isfinite(estimate)]
    return float(inside.mean()) if len(inside) else np.nan


def false_discoveries(study: SimulatedStudy) -> Rates:
    """Share of the discoveries at q < 0.10 whose true value is 0; 0 without any."""
    found = profiles(study.means, study.resampled)
    rates: Rates = {}
    for level, weights in LEVELS.items():
        freedom = degrees_of_freedom(study.items, study.documents, weights)
        z, noise, truth = found.z @ weights, found.noise @ weights, study.truth @ weights
        for name, c in (("z", np.eye(4)[0]), ("delta_z", CONTRAST), ("interaction", INTERACTION)):
            ratio = c @ z / np.tensordot(c, noise, 1).std(axis=0, ddof=1)
            rejected = stats.false_discovery_control(p_value(ratio, freedom)) < 0.10
            null = np.abs(c @ truth) < 1e-9
            rates[name, level] = float((rejected & null).sum() / max(rejected.sum(), 1))
    return rates


def expected_correlations(regime: Regime, truths: int, repeats: int) -> Summary:
    """Coverage of Pearson's interval: its target is the mean over studies of one truth.

    The mean and its standard error are over truths.
    """
    rates = defaultdict(list)
    for number in range(truths):
        truth = profile_truth(np.random.default_rng([1, number]), regime.spread)
        found = defaultdict(list)
        for repeat in range(repeats):
            study = simulate(regime, truth, np.random.default_rng([2, number, repeat]), 200)
            both = profiles(study.means[:2], study.resampled[:2])
            for level, weights in LEVELS.items():
                found[level].append(correlations(both.z @ weights, both.noise @ weights)[:2])
        for level, pairs in found.items():
            target = np.tanh(np.mean([np.arctanh(r) for r, _ in pairs]))
            bounds = [fisher_interval(*pair) for pair in pairs]
            rates["pearson", level].append(np.mean([a <= target <= b for a, b in bounds]))
    return {key: _mean(np.array(values)) for key, values in rates.items()}


def measure(regime: Regime, studies: int, seed: int, null: bool = False) -> Summary:
    """Mean and standard error over studies of their coverage, or of false discoveries."""
    rates = defaultdict(list)
    for number in range(studies):
        rng = np.random.default_rng([seed, number, null])
        truth = null_truth(rng, regime.spread) if null else profile_truth(rng, regime.spread)
        study = simulate(regime, truth, rng, resamples=250)
        for key, rate in (false_discoveries if null else coverage)(study).items():
            rates[key].append(rate)
    return {key: _mean(np.array(values)) for key, values in rates.items()}


def _mean(rates: np.ndarray) -> tuple[float, float, int]:
    rates = rates[np.isfinite(rates)]
    if len(rates) < 2:
        return (np.nan, np.nan, len(rates))
    return float(rates.mean()), float(rates.std(ddof=1) / np.sqrt(len(rates))), len(rates)


def _print(studies: int, regimes: list[str]) -> None:
    for name in regimes or REGIMES:
        regime = REGIMES[name]
        for null in (False, True):
            cells = measure(regime, studies, seed=11, null=null)
            _print_row(name, "FDR" if null else "coverage", cells)
        # 200 studies of one truth, so that the error of their mean is small beside theirs.
        _print_row(name, "coverage", expected_correlations(regime, max(studies // 50, 3), 200))


def _print_row(regime: str, kind: str, cells: Summary) -> None:
    row = [f"{value}/{level} {m:.1%} +-{e:.1%} n{n}" for (value, level), (m, e, n) in cells.items()]
    print(regime, kind, *row, sep="; ", flush=True)


if __name__ == "__main__":
    _print(int(sys.argv[1]), sys.argv[2:])
