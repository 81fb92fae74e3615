"""How often the published intervals hold the truth, and their discoveries are false, by simulation.

Resampling and inference are the package's own code, array by array and without files.
Run as a module it prints what the tables of docs/statistics.md say, of all regimes or those
named: python -m tests.calibration 1000 [REGIME ...]
"""

import sys
from collections import defaultdict

import numpy as np
import polars as pl
from scipy import stats

from influence_warehouse.warehouse.inference import mean_columns
from influence_warehouse.warehouse.intervals import (
    correlations,
    fisher_interval,
    freedom_of,
    standard_error,
    t_half,
    two_sided_p,
)
from influence_warehouse.warehouse.profiles import (
    Level,
    Profile,
    Signal,
    levels,
    standardized,
    weighted_sum,
)
from influence_warehouse.warehouse.resamples import Drawn
from influence_warehouse.warehouse.support import measure_columns
from tests.simulated_studies import (
    BINS,
    CONTRAST,
    FORMATS,
    INTERACTION,
    Regime,
    SimulatedStudy,
    null_truth,
    profile_truth,
    simulate,
)

POPULATIONS = pl.DataFrame(
    {
        "bin_id": np.arange(BINS, dtype=np.int32),
        "topic": [f"{number // FORMATS:02d}" for number in range(BINS)],
        "format": ["one"] * BINS,
    }
)
REGIMES = {
    "2-5 documents, 30 items": Regime(),
    "2-5, 30, no interaction": Regime(item_in_topic=0, item_in_bin=0, residual=0.1),
    "2-5, 30, mostly interaction": Regime(document=0.2, residual=3.0),
    "2-5, 30, heavy tails": Regime(heavy_tails=True),
    "2-5, 30, weak spread": Regime(spread=0.3),
    "2-5, 200": Regime(items=200),
    "5-20, 30": Regime((5, 20)),
    "5-20, 30, weak spread": Regime((5, 20), spread=0.3),
    "5-20, 30, heavy tails, unequal bins": Regime((5, 20), heavy_tails=True, unequal_bins=0.5),
    "5-20, 200": Regime((5, 20), items=200),
    "50, 30": Regime((50, 50)),
    "5-20, 20 sources of 3 items": Regime((5, 20), 60, sources=20, document_in_source=1.0),
    "5-20, 10 sources of 6 items": Regime((5, 20), 60, sources=10, document_in_source=1.0),
    "5-20, 5 sources of 12 items": Regime((5, 20), 60, sources=5, document_in_source=1.0),
    "5-20, 30, items that oppose each other": Regime((5, 20), opposed=1.0),
    "2-5, 30, no spread": Regime(spread=0.0),
    "5-20, 10 sources of 6 items, no spread": Regime(
        (5, 20), 60, sources=10, document_in_source=1.0, spread=0.0
    ),
}
Rates = dict[tuple[str, str], float]
# Mean, its standard error over studies, and how many studies have a rate.
Summary = dict[tuple[str, str], tuple[float, float, int]]


def coverage(study: SimulatedStudy) -> Rates:
    """Share of the intervals of one study that hold the truth, by value and level."""
    found, deviation = _standardized(study), study.truth - study.truth.mean(axis=1, keepdims=True)
    held = deviation / study.means.std(axis=1, ddof=1, keepdims=True)
    true = deviation / deviation.std(axis=1, ddof=1, keepdims=True)
    rates: Rates = {}
    for level in _levels(study):
        profiles = [profile.over(level) for profile, _ in found]
        if level.name == "bin":
            half = [
                mean_columns(drawn, level)["mean_high"] - drawn.means for drawn in _drawn(study)
            ]
            rates["mean", "bin"] = _held(study.means, np.stack(half), study.truth)
        for name, noise_name, targets in (
            ("z", "noise", level.mean(held)),
            ("signal_z", "signal_z_noise", level.mean(true)),
        ):
            z = np.stack([getattr(profile, name) for profile in profiles])
            error = np.stack([_half(profile, noise_name, level) for profile in profiles])
            rates[name, level.name] = _held(z, error, targets)
            picked = np.where(z > 1.5, z, np.nan)
            rates[f"{name} picked", level.name] = _held(picked, error, targets)
            for kind, c in (("delta", CONTRAST), ("interaction", INTERACTION)):
                contrast = weighted_sum(profiles, c)
                half = _half(contrast, noise_name, level)
                rate = _held(getattr(contrast, name), half, c @ targets)
                rates[f"{kind}_{name}", level.name] = rate
        rates.update(_true_pearson(study, level, found))
        rates["support", level.name] = _support_held(study, level)
    return rates


def _support_held(study: SimulatedStudy, level: Level) -> float:
    columns = measure_columns({"support": study.support}, "all", level, study.documents)
    half = columns["support_high"] - columns["support"]
    average = study.documents / study.documents.sum()
    observed = study.support.items.values.mean(axis=0)
    above = columns["support"] - observed @ average
    return _held(above, half, _true_above(study, level))


def _true_above(study: SimulatedStudy, level: Level) -> np.ndarray:
    """True support of each region less that of all documents."""
    share = (study.documents / study.documents.sum())[:, None]
    return study.true_support @ (level.document_weights - share)


def _half(profile: Profile, noise: str, level: Level) -> np.ndarray:
    """Half an interval of the values whose noise has that name."""
    return t_half(freedom_of(profile, level)) * standard_error(getattr(profile, noise))


def _standardized(study: SimulatedStudy) -> list[tuple[Profile, Signal]]:
    return [standardized(drawn) for drawn in _drawn(study)]


def _drawn(study: SimulatedStudy) -> list[Drawn]:
    draws = zip(study.means, study.item_noise, study.document_noise, strict=True)
    return [Drawn(*each, study.n_clusters) for each in draws]


def _levels(study: SimulatedStudy) -> list[Level]:
    """Bins and topics."""
    return levels(POPULATIONS, np.arange(BINS), study.documents)


def _true_pearson(
    study: SimulatedStudy, level: Level, found: list[tuple[Profile, Signal]]
) -> Rates:
    """Of the first two benchmarks, where it is published."""
    both = correlations([profile.over(level) for profile, _ in found[:2]])
    error = both.true_error[0, 1]
    if not np.isfinite([error, *(signal.scale for _, signal in found[:2])]).all():
        return {}
    low, high = fisher_interval(both.true_pearson[0, 1], error)
    truth = np.corrcoef(level.mean(study.truth)[:2])[0, 1]
    return {("true_pearson", level.name): float(low <= truth <= high)}


def _held(estimate: np.ndarray, half: np.ndarray, target: np.ndarray) -> float:
    """NaN where no interval is published."""
    inside = (np.abs(estimate - target) <= half)[np.isfinite(half) & np.isfinite(estimate)]
    return float(inside.mean()) if len(inside) else np.nan


def false_discoveries(study: SimulatedStudy) -> Rates:
    """Share of the discoveries at q < 0.10 whose true value is 0; 0 without any."""
    found = _standardized(study)
    rates: Rates = {}
    for level in _levels(study):
        profiles = [profile.over(level) for profile, _ in found]
        for name, c in (("z", np.eye(4)[0]), ("delta_z", CONTRAST), ("interaction", INTERACTION)):
            value = weighted_sum(profiles, c)
            error = standard_error(value.noise)
            p_value = two_sided_p(value.z, error, freedom_of(value, level))
            rejected = stats.false_discovery_control(p_value) < 0.10
            null = np.abs(c @ level.mean(study.truth)) < 1e-9
            rates[name, level.name] = float((rejected & null).sum() / max(rejected.sum(), 1))
        columns = measure_columns({"support": study.support}, "all", level, study.documents)
        rejected = _q_values(columns["support_p_value"]) < 0.10
        null = _true_above(study, level) <= 0
        rates["support", level.name] = float((rejected & null).sum() / max(rejected.sum(), 1))
    return rates


def _q_values(p_values: np.ndarray) -> np.ndarray:
    """Over the regions that have a p-value."""
    q_values, known = np.ones(len(p_values)), np.isfinite(p_values)
    q_values[known] = stats.false_discovery_control(p_values[known])
    return q_values


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
            profiles = [profile for profile, _ in _standardized(study)[:2]]
            for level in _levels(study):
                both = correlations([profile.over(level) for profile in profiles])
                found[level.name].append((both.pearson[0, 1], both.error[0, 1]))
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
        _print_row(name, "FDR", measure(regime, studies, seed=11, null=True))
        # Where all true values are 0 there is no unit to give them in.
        if regime.spread > 0:
            _print_row(name, "coverage", measure(regime, studies, seed=11))
            # 200 studies of one truth, so that the error of their mean is small beside theirs.
            _print_row(name, "coverage", expected_correlations(regime, max(studies // 50, 3), 200))


def _print_row(regime: str, kind: str, cells: Summary) -> None:
    row = [f"{value}/{level} {m:.1%} +-{e:.1%} n{n}" for (value, level), (m, e, n) in cells.items()]
    print(regime, kind, *row, sep="; ", flush=True)


if __name__ == "__main__":
    _print(int(sys.argv[1]), sys.argv[2:])
