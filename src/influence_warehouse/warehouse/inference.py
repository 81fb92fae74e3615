"""Errors, intervals and p-values of one method's values, as facts: what chance may have done.

One step draws the resamples (`resamples`), makes profiles of them (`profiles`) and writes what
`intervals` says of each bin, topic and format, contrast, correlation, and difference between right
and wrong answers. Does not belong here: q-values, shrinkage and ranks, which compare the regions of
a table and are SQL in the dbt project; docs/statistics.md has the formulae of both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from influence_warehouse.lake.contracts import CONTRACTS
from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.pipeline.task import Made, Task
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.intervals import (
    correlations,
    degrees_of_freedom,
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
    spread_over_bins,
    standardized,
    weighted_sum,
)
from influence_warehouse.warehouse.resamples import (
    MIN_SUBSET_ITEMS,
    PRIOR_DEGREES_OF_FREEDOM,
    Drawn,
    Resamples,
    draw_resamples,
)
from influence_warehouse.warehouse.support import Measure, measure_columns, measures

FACTS = (
    "signal_shares",
    "contrast_inference",
    "correlation_inference",
    "correctness_inference",
    "correctness_contrast_inference",
    "region_inference",
)

_Rows = Iterator[tuple[str, dict[str, Any]]]
_Contrasts = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class SubsetProfiles:
    """What one item subset says of each benchmark: the draws, the profile of bins, its signal."""

    drawn: Mapping[str, Drawn]
    profiles: dict[str, Profile]
    signals: dict[str, Signal]


def identity_of_inference(study: Study, lake: Lake, cell: Part) -> dict[str, Any]:
    """What is drawn: for which benchmarks, how often, by which seed and rules; and compared."""
    return {
        "benchmarks": [benchmark.name for benchmark in study.benchmarks],
        "contrasts": study.contrast_coefficients(),
        "resamples": study.statistics.resamples,
        "seed": study.seed,
        "prior_degrees_of_freedom": PRIOR_DEGREES_OF_FREEDOM,
        "min_subset_items": MIN_SUBSET_ITEMS,
    }


def make_inference(task: Task) -> list[Made]:
    """Draw `study.statistics.resamples` sets of bin means of one method, and infer from them.

    Holds some 100 bytes per resample, bin and benchmark. Raises FactError when scores of a
    benchmark are missing for some documents.
    """
    study, cell = task.study, task.key
    resamples = draw_resamples(study, task.lake, cell)
    frames: dict[str, list[pl.DataFrame]] = {fact: [_frame(fact, cell, {})] for fact in FACTS}
    if resamples.drawn:
        populations = task.lake.read("bin_populations", columns=["bin_id", "topic", "format"])
        regions = levels(populations, resamples.bin_ids, resamples.documents)
        found = measures(study, task.lake, cell, resamples)
        for fact, columns in infer(resamples, found, regions, study.contrast_coefficients()):
            frames[fact].append(_frame(fact, cell, columns))
    details = {"resamples": study.statistics.resamples, "bins": len(resamples.bin_ids)}
    return [Made(fact, pl.concat(frames[fact]), details) for fact in FACTS]


def infer(
    resamples: Resamples,
    found: Mapping[str, Mapping[str, Measure]],
    regions: list[Level],
    contrasts: _Contrasts,
) -> _Rows:
    """Columns of rows, each with the fact that they are of.

    `found` is by benchmark and measure, `contrasts` has the weights of the benchmarks.
    """
    subsets = {name: _subset_profiles(drawn) for name, drawn in resamples.drawn.items()}
    for name, subset in subsets.items():
        key = {"item_subset": name}
        yield "signal_shares", key | _signal_rows(subset)
        for level in regions:
            measured = {
                benchmark: measure_columns(found[benchmark], name, level, resamples.documents)
                for benchmark in subset.drawn
            }
            yield from _value_rows(key, subset, level, measured)
            yield from _pair_rows(key, subset, level, contrasts)
    for level in regions:
        yield from _correctness_rows(subsets, level, contrasts)


def _subset_profiles(drawn: Mapping[str, Drawn]) -> SubsetProfiles:
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {name: standardized(draws) for name, draws in drawn.items()}
    return SubsetProfiles(
        drawn,
        {name: profile for name, (profile, _) in found.items()},
        {name: signal for name, (_, signal) in found.items()},
    )


def _signal_rows(subset: SubsetProfiles) -> dict[str, Any]:
    signals = subset.signals.values()
    return {
        "benchmark": list(subset.signals),
        "signal_share": [signal.share for signal in signals],
        "signal_share_standard_error": [signal.error for signal in signals],
    }


def _value_rows(
    key: dict[str, Any],
    subset: SubsetProfiles,
    level: Level,
    measured: Mapping[str, dict[str, Any]],
) -> _Rows:
    """Rows of the values of each benchmark at one level."""
    for name, profile in subset.profiles.items():
        own = {"benchmark": name, "n_clusters": subset.drawn[name].n_clusters}
        own |= mean_columns(subset.drawn[name], level)
        rows = own | _value_columns("z", profile.over(level), level) | measured[name]
        yield "region_inference", key | rows


def _pair_rows(
    key: dict[str, Any], subset: SubsetProfiles, level: Level, contrasts: _Contrasts
) -> _Rows:
    """Rows of the contrasts of benchmarks at one level, and of their pairs."""
    profiles = {name: profile.over(level) for name, profile in subset.profiles.items()}
    for name, contrast in _contrasts(profiles, contrasts):
        rows = _value_columns("delta_z", contrast, level) | _simultaneous_columns(contrast, level)
        yield "contrast_inference", key | {"contrast": name} | rows
    yield "correlation_inference", key | _correlation_rows(profiles, subset.signals, level)


def _value_columns(value: str, profile: Profile, level: Level) -> dict[str, Any]:
    """Estimate, error, interval and test by t, in the observed and in the signal's unit."""
    half = t_half(freedom_of(profile, level))
    signal_half = half * standard_error(profile.signal_z_noise)
    return _observed_columns(value, profile, level) | {
        f"signal_{value}": profile.signal_z,
        f"signal_{value}_low": profile.signal_z - signal_half,
        f"signal_{value}_high": profile.signal_z + signal_half,
    }


def _observed_columns(value: str, profile: Profile, level: Level) -> dict[str, Any]:
    """The same in the observed unit alone."""
    freedom = freedom_of(profile, level)
    error, half = standard_error(profile.noise), t_half(freedom)
    return {
        "level": level.name,
        "region_id": level.region_ids,
        value: profile.z,
        f"{value}_standard_error": error,
        f"{value}_low": profile.z - half * error,
        f"{value}_high": profile.z + half * error,
        "degrees_of_freedom": freedom,
        "p_value": two_sided_p(profile.z, error, freedom),
    }


def _simultaneous_columns(contrast: Profile, level: Level) -> dict[str, Any]:
    """Intervals that hold for all regions of a level at once: of the largest and smallest, too."""
    half = t_half(freedom_of(contrast, level), len(level.region_ids))
    half = half * standard_error(contrast.noise)
    return {
        "delta_z_simultaneous_low": contrast.z - half,
        "delta_z_simultaneous_high": contrast.z + half,
    }


def mean_columns(drawn: Drawn, level: Level) -> dict[str, Any]:
    """Error and interval of bin means in the scores' own unit; topics and formats have none."""
    if level.name != "bin":
        return dict.fromkeys(("standard_error", "mean_low", "mean_high"))
    error = standard_error(drawn.item_noise + drawn.document_noise)
    of_items = [(standard_error(drawn.item_noise) ** 2, drawn.n_clusters)]
    of_documents = standard_error(drawn.document_noise) ** 2
    freedom = degrees_of_freedom(of_items, of_documents, level.document_freedom)
    half = t_half(freedom) * error
    return {
        "standard_error": error,
        "mean_low": drawn.means - half,
        "mean_high": drawn.means + half,
    }


def _correlation_rows(
    profiles: dict[str, Profile], signals: dict[str, Signal], level: Level
) -> dict[str, Any]:
    """Every pair of benchmarks once; no interval where a profile is not told from chance.

    Like signal_z: without a scale there is no true Pearson.
    """
    pairs = list(combinations(range(len(profiles)), 2))
    names = list(profiles)
    a, b = np.array(pairs, dtype=int).reshape(-1, 2).T
    with np.errstate(invalid="ignore", divide="ignore"):
        found = correlations(list(profiles.values()))
        scales = np.array([signals[name].scale for name in names])
        is_sure = ~np.isnan(scales[a] + scales[b])
        true = np.where(is_sure, found.true_pearson[a, b], np.nan)
        has_signal = (found.share[a] > 0) & (found.share[b] > 0)
        known = np.where(has_signal, found.pearson[a, b], np.nan)
        low, high = fisher_interval(known, found.error[a, b])
        true_low, true_high = fisher_interval(true, found.true_error[a, b])
    return {
        "level": level.name,
        "benchmark_a": [names[position] for position in a],
        "benchmark_b": [names[position] for position in b],
        "pearson": found.pearson[a, b],
        "fisher_standard_error": found.error[a, b],
        "pearson_low": low,
        "pearson_high": high,
        "signal_share_a": found.share[a],
        "signal_share_b": found.share[b],
        "true_pearson": true,
        "true_pearson_low": true_low,
        "true_pearson_high": true_high,
    }


def _contrasts(
    profiles: Mapping[str, Profile], contrasts: _Contrasts
) -> Iterator[tuple[str, Profile]]:
    """Those that have all of their benchmarks."""
    for name, weights in contrasts.items():
        if weights.keys() <= profiles.keys():
            parts = [profiles[benchmark] for benchmark in weights]
            yield name, weighted_sum(parts, list(weights.values()))


def _correctness_rows(
    subsets: dict[str, SubsetProfiles], level: Level, contrasts: _Contrasts
) -> _Rows:
    """Right less wrong answers of each benchmark; contrasts of those by topic and format."""
    differences = {name: found.over(level) for name, found in _differences(subsets)}
    for name, difference in differences.items():
        rows = _observed_columns("delta_z", difference, level)
        yield "correctness_inference", {"benchmark": name} | rows
    if level.name != "bin":
        for name, difference in _contrasts(differences, contrasts):
            rows = _observed_columns("difference", difference, level)
            yield "correctness_contrast_inference", {"contrast": name} | rows


def _differences(subsets: dict[str, SubsetProfiles]) -> Iterator[tuple[str, Profile]]:
    """z of right less z of wrong answers over bins, both over the spread of all items' means."""
    if "correct" not in subsets or "incorrect" not in subsets:
        return
    right, wrong = subsets["correct"], subsets["incorrect"]
    for name, drawn in subsets["all"].drawn.items():
        if name in right.drawn and name in wrong.drawn:
            spread = spread_over_bins(drawn.means)
            scales = [spread_over_bins(part.drawn[name].means) / spread for part in (right, wrong)]
            profiles = [right.profiles[name], wrong.profiles[name]]
            yield name, weighted_sum(profiles, [scales[0], -scales[1]])


def _frame(fact: str, cell: Part, columns: dict[str, Any]) -> pl.DataFrame:
    """Rows of a fact of one model and method; what is NaN is not known."""
    schema = pl.Schema(CONTRACTS[fact].columns)
    if not columns:
        return pl.DataFrame(schema=schema)
    model, method = cell.split("|")
    frame = pl.DataFrame(columns).with_columns(model=pl.lit(model), method=pl.lit(method))
    return frame.select(list(schema)).cast(schema).fill_nan(None)
