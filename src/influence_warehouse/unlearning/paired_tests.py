"""Paired tests of unlearning: does forgetting what was ranked first hurt more than a control?

Frames in, frame out: the pairs, the tests (scipy's), the bootstrap of the median. Does not
belong here: the damage itself, correction over the family and effect sizes (SQL), any file.

Three tests stand side by side because they answer for different populations.

wilcoxon: other seeds of these regions. In an influence condition all seeds of a region forget
the same documents, so a region may differ from 0 for a reason of its own. Where regions do so
and are 0 on average (spread 1 between regions, 0.5 within; 8 regions x 3 seeds), Wilcoxon over
the cells calls 15 % of 500 studies significant at 5 %.
t_region_means: other regions like these; 5 % in the same simulation.
wilcoxon_items: other items of the benchmark, asked of these very runs.

A global control has no region. Against it a benchmark's regions are averaged first, so that
each control run counts once: pairing it with every region would call 8 to 10 % of studies
without an effect significant with 2 regions a benchmark, and 24 % with 8.

The interval of the median holds the truth in 91 to 98 % of studies with 8 regions, but with 2
in 69 % only, where spread between regions is twice that within: read it for pooled rows.
"""

import numpy as np
import polars as pl

from influence_warehouse.errors import FactError, HealthError, InputError
from influence_warehouse.lake.fingerprint import digest_of

# Condition expected to hurt more, and its control.
COMPARISONS: tuple[tuple[str, str], ...] = (
    ("influence_in_topic", "random_in_topic"),
    ("influence_in_topic", "random_global"),
    ("influence_global", "random_global"),
)
# In place of a benchmark: over all of them. In place of a region: no region.
ALL = "all"
KEY = ["benchmark", "measure", "condition_a", "condition_b", "test"]
SCHEMA = {
    **dict.fromkeys(KEY, pl.String),
    "n_cells": pl.Int32,
    "n_units": pl.Int32,
    "statistic": pl.Float64,
    "p_value": pl.Float64,
    "median_difference": pl.Float64,
    "median_low": pl.Float64,
    "median_high": pl.Float64,
}
# Differences that are equal must tie, and accuracies are sums of fractions that do not end
# in binary. Far below any damage that means something.
DECIMALS = 12
# Bounds the memory of the bootstrap: 8 MB an array.
_CELLS_AT_ONCE = 1_000_000


def paired_tests(damage: pl.DataFrame, seed: int, resamples: int) -> pl.DataFrame:
    """Each comparison's tests, per benchmark and over all of them; columns of SCHEMA.

    `damage` has the columns of `paired_differences`. `n_cells` counts pairs, `n_units` what the
    test takes to be independent: pairs for `wilcoxon`, regions for `t_region_means`, items for
    `wilcoxon_items`. All are one-sided (damage_a > damage_b) and null where they do not exist.
    The interval of the median over the cells is 95 %, from `resamples` draws; null with one
    region. It depends on the row's cells, `seed` and key alone. Raises as `paired_differences`.
    """
    single = paired_differences(damage).with_columns(
        unit=pl.concat_str("benchmark", "region", separator="|"),
        item=pl.concat_str("benchmark", "item_id", separator="|"),
    )
    both = pl.concat([single, single.with_columns(benchmark=pl.lit(ALL))])
    rows = []
    for key, group in both.group_by(KEY[:-1], maintain_order=True):
        regions = [
            _means(region, "seed") for region in group.partition_by("unit", maintain_order=True)
        ]
        items = _means(group, "item")
        rng = np.random.default_rng([seed, int(digest_of(key), 16)])
        differences = np.concatenate(regions)
        median = (float(np.median(differences)), *median_interval(regions, resamples, rng))
        size = len(differences)
        rows.append((*key, "wilcoxon", size, size, *_wilcoxon(differences), *median))
        rows.append((*key, "t_region_means", size, len(regions), *_t_of_means(regions), *median))
        rows.append((*key, "wilcoxon_items", size, len(items), *_wilcoxon(items), *median))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort(KEY)


def paired_differences(damage: pl.DataFrame) -> pl.DataFrame:
    """One row per pair of runs and item: damage of the condition minus damage of its control.

    `damage`: one row per run, item of the run's own benchmark and measure, with columns
    benchmark, condition, region (of global conditions: not read), seed, item_id, measure, damage
    (float, positive = worse than before). Columns of the result: benchmark, measure,
    condition_a, condition_b, region, seed, item_id, difference, sorted by all but the last. Runs
    pair on (benchmark, region, seed); against a global control, the mean over a benchmark's
    regions pairs on (benchmark, seed), as region `all`. A run without its counterpart is left
    out. Raises FactError for two damages of one run, HealthError for a
    damage that is no finite number, InputError for a benchmark named `all`.
    """
    runs = _checked(damage)
    pairs = []
    for a, b in COMPARISONS:
        on = ["benchmark", "measure", "region", "seed", "item_id"]
        tested = runs.filter(condition=a)
        if _is_global(b):
            tested = tested.with_columns(region=pl.lit(ALL)).sort(on)
            tested = tested.group_by(on, maintain_order=True).agg(pl.col("damage").mean())
        control = runs.filter(condition=b).select(*on, control="damage")
        pair = tested.select(*on, "damage").join(control, on=on, validate="1:1")
        pairs.append(pair.with_columns(condition_a=pl.lit(a), condition_b=pl.lit(b)))
    key = [*KEY[:-1], "region", "seed", "item_id"]
    difference = (pl.col("damage") - pl.col("control")).round(DECIMALS)
    return pl.concat(pairs).select(*key, difference=difference).sort(key)


def median_interval(
    regions: list[np.ndarray], resamples: int, rng: np.random.Generator
) -> tuple[float, float] | tuple[None, None]:
    """95 % percentile interval of the median over cells, by a two-stage bootstrap.

    `regions`: float64 [seeds] each, of unequal length where runs are missing. Regions are drawn
    with replacement, then seeds within each drawn region. (None, None) with one region.
    """
    if len(regions) < 2:
        return None, None
    counts = np.array([len(region) for region in regions])
    width = int(counts.max())
    padded = np.full((len(regions), width), np.nan)
    for row, region in zip(padded, regions, strict=True):
        row[: len(region)] = region
    step = max(1, _CELLS_AT_ONCE // padded.size)
    medians = []
    for start in range(0, resamples, step):
        drawn = rng.integers(len(regions), size=(min(step, resamples - start), len(regions)))
        size = counts[drawn][..., None]
        position = rng.integers(size, size=(*drawn.shape, width))
        values = padded[drawn[..., None], position]
        values[np.arange(width) >= size] = np.nan
        medians.append(_row_medians(values.reshape(len(drawn), -1), size.sum(axis=(1, 2))))
    low, high = np.quantile(np.concatenate(medians), [0.025, 0.975])
    return float(low), float(high)


def _means(pairs: pl.DataFrame, by: str) -> np.ndarray:
    """Mean difference of each value of `by`, float64, in its order."""
    means = pairs.group_by(by).agg(pl.col("difference").mean()).sort(by)
    return means["difference"].round(DECIMALS).to_numpy()


def _row_medians(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Median of each row's `counts` numbers, NaN being none; np.nanmedian is 10 times slower."""
    ordered = np.sort(values, axis=1)  # NaN last
    rows = np.arange(len(values))
    return (ordered[rows, (counts - 1) // 2] + ordered[rows, counts // 2]) / 2


def _wilcoxon(differences: np.ndarray) -> tuple[float, float]:
    """Statistic and p of the signed-rank test; no difference at all is no evidence: 0 and 1."""
    from scipy import stats

    if not differences.any():
        return 0.0, 1.0
    test = stats.wilcoxon(differences, alternative="greater", zero_method="wilcox")
    return float(test.statistic), float(test.pvalue)


def _t_of_means(regions: list[np.ndarray]) -> tuple[float, float] | tuple[None, None]:
    """t and p on the regions' means; nothing with one region or without spread between them."""
    from scipy import stats

    means = np.array([region.mean() for region in regions]).round(DECIMALS)
    if len(means) < 2 or np.ptp(means) == 0:
        return None, None
    test = stats.ttest_1samp(means, 0.0, alternative="greater")
    return float(test.statistic), float(test.pvalue)


def _is_global(condition: str) -> bool:
    return condition.endswith("_global")


def _checked(damage: pl.DataFrame) -> pl.DataFrame:
    """`damage` with region `all` for global conditions, one finite number per run and measure."""
    region = pl.when(pl.col("condition").str.ends_with("_global")).then(pl.lit(ALL))
    runs = damage.with_columns(region=region.otherwise("region"))
    key = ["benchmark", "condition", "region", "seed", "item_id", "measure"]
    if ALL in runs["benchmark"]:
        raise InputError(
            f"benchmark {ALL!r}: the name stands for all benchmarks together. "
            "Remedy: rename it under benchmarks in the study."
        )
    twice = runs.filter(pl.struct(key).is_duplicated())
    if len(twice):
        raise FactError(
            f"damage: {twice.select(key).row(0)} ({', '.join(key)}) is there more than once. "
            "Remedy: give one row per run of the plan, item and measure."
        )
    broken = runs.filter(~pl.col("damage").is_finite().fill_null(False))
    if len(broken):
        raise HealthError(
            f"damage of {broken.select(key).row(0)} ({', '.join(key)}) is "
            f"{broken['damage'][0]}, not a number. Remedy: run that partition again, or leave "
            "its rows out."
        )
    return runs
