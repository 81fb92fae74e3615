"""Facts of the stage warehouse: what resampling, halving and dealing at random give."""

from dataclasses import replace

from influence_warehouse.lake.contracts.columns import (
    BENCHMARK,
    ITEM_SUBSET,
    METHOD,
    MODEL,
    N_CLUSTERS,
)
from influence_warehouse.lake.contracts.declaring import BIG, INT, REAL, TEXT, Column, Contract

_LEVEL = Column("level", TEXT, "`bin`, `topic` or `format`.", values=("bin", "topic", "format"))
_REGION_ID = Column(
    "region_id",
    INT,
    "bin_id, or the position of the topic or format in alphabetical order.",
    low=0,
)
_CONTRAST = Column("contrast", TEXT, "Name of the contrast in the study.")


def _real(
    name: str, unit: str, meaning: str, low: float | None = None, high: float | None = None
) -> Column:
    """A number that is null where it cannot be known."""
    return Column(name, REAL, meaning, unit=unit, low=low, high=high, is_nullable=True)


def _z(name: str, meaning: str) -> Column:
    return _real(name, "standard deviations over the bins", meaning)


def _error(name: str, meaning: str) -> Column:
    return replace(_z(name, meaning), low=0)


def _r(name: str, meaning: str) -> Column:
    return _real(name, "correlation", meaning, low=-1.000001, high=1.000001)


def _p_value(meaning: str) -> Column:
    return _real("p_value", "probability", meaning, low=0, high=1)


def _of_noise(name: str, unit: str, meaning: str, high: float | None = None) -> tuple[Column, ...]:
    """A figure of concentration that pure noise gives, and its central 95 %."""
    told = {
        "": f"{meaning} that documents dealt to the bins at random give, mean over draws",
        "_low": f"2.5 % quantile of `{name}` over those draws",
        "_high": f"97.5 % quantile of `{name}` over those draws",
    }
    null = "; null where noise_unknown_reason says why."
    return tuple(
        _real(f"{name}_of_noise{end}", unit, text + null, 0, high) for end, text in told.items()
    )


_FREEDOM = _real(
    "degrees_of_freedom",
    "degrees",
    "Of Student's t: the sources of items (n_clusters) less one, or those of the documents where "
    "they are fewer.",
    low=0,
)


def _measure(
    name: str, unit: str, meaning: str, expected: str, high: float | None = None
) -> tuple[Column, ...]:
    """A measure of single items over regions, with its error, interval and test."""
    return (
        _real(name, unit, meaning, low=0, high=high),
        _real(
            f"{name}_standard_error",
            unit,
            f"Standard error of {name} less {expected}, over sources of items and documents.",
            low=0,
        ),
        _real(
            f"{name}_low",
            unit,
            f"Lower bound of the 95 % interval of {name}, {expected} held: less t times "
            f"{name}_standard_error, t being Student's 97.5 % quantile.",
        ),
        _real(f"{name}_high", unit, f"Upper bound of the interval of {name}."),
        _real(
            f"{name}_p_value",
            "probability",
            f"One-sided p-value that {name} is no more than {expected}, by Student's t; null "
            "where nothing varies.",
            low=0,
            high=1,
        ),
    )


_METHOD_A = replace(
    METHOD, name="method_a", meaning="Method of the pair that comes first in the study."
)
_METHOD_B = replace(
    METHOD, name="method_b", meaning="Method of the pair that comes second in the study."
)
_N_SHARED_ITEMS = Column(
    "n_shared_items",
    INT,
    "Items of the benchmark that both methods scored; null where one has no scores of items.",
    unit="items",
    low=1,
    is_nullable=True,
)


def _of_a_method(side: str) -> Column:
    return _real(
        f"signal_share_{side}",
        "share",
        f"Share of the variance over regions of the support by method_{side} that is not chance "
        "of items and documents, 1 or less; negative where chance alone would give more. Two "
        "methods correlate as far as both have signal. Null at level `document`.",
        high=1,
    )


def _standardized(name: str, meaning: str) -> Column:
    return _real(name, "standard deviations over the regions", meaning)


FACTS = {
    "region_inference": Contract(
        "Errors, intervals and tests of means and z by resampling. One row per model, method, "
        "benchmark, item subset, level and region with documents.",
        (
            MODEL,
            METHOD,
            BENCHMARK,
            ITEM_SUBSET,
            _LEVEL,
            _REGION_ID,
            N_CLUSTERS,
            _real(
                "standard_error",
                "score",
                "Standard deviation of the bin mean over the resamples of items and documents; "
                "null of a topic or format.",
                low=0,
            ),
            _real(
                "mean_low",
                "score",
                "Lower bound of the 95 % interval of the bin's mean with as many items and "
                "documents as one likes: mean less t times standard_error, t being Student's "
                "97.5 % quantile.",
            ),
            _real("mean_high", "score", "Upper bound of the interval of the bin's mean."),
            _z("z", "Standardized bin mean, or the unweighted mean of them over a region's bins."),
            _error(
                "z_standard_error",
                "Standard deviation of the value over the resamples, with the spread over bins "
                "held at the observed one, 0 or more.",
            ),
            _z("z_low", "z less t times z_standard_error, t being Student's 97.5 % quantile."),
            _z("z_high", "Upper bound of the same interval."),
            _FREEDOM,
            _p_value(
                "Two-sided p-value that z is 0 with as many items and documents as one likes: "
                "Student's t of z over its standard error, 0 to 1; null where the error is 0 or "
                "unknown."
            ),
            _z(
                "signal_z",
                "z divided by the square root of `power.signal_share`: the estimate of z of the "
                "true bin means, whose spread is smaller than the observed one, which holds "
                "noise. Null where the signal share is not above 4 of its standard errors.",
            ),
            _z(
                "signal_z_low",
                "Lower bound of its 95 % interval, which counts the error of the scale too.",
            ),
            _z("signal_z_high", "Upper bound of its 95 % interval."),
            *_measure(
                "support",
                "share of the query's second moment",
                "Mean over items and the region's documents of the squared score where it is "
                "above 0, over the item's mean squared score over all documents. Items whose "
                "scores are all 0 count as 0.",
                "the support of all documents",
            ),
            *_measure(
                "enrichment",
                "times",
                "Share of the places among each item's strongest documents that are in the "
                "region, over the region's share of the documents.",
                "1",
            ),
        ),
        key=("model", "method", "benchmark", "item_subset", "level", "region_id"),
        in_parts=True,
    ),
    "signal_shares": Contract(
        "What of the spread over bins is not chance. One row per model, method, benchmark and "
        "item subset.",
        (
            MODEL,
            METHOD,
            BENCHMARK,
            ITEM_SUBSET,
            _real(
                "signal_share",
                "share",
                "Share of bin_spread squared that is not chance of items and documents, 1 or "
                "less: the reliability of the z of bins. Negative where chance alone would give "
                "more; null where the spread is 0.",
                high=1,
            ),
            _real(
                "signal_share_standard_error",
                "share",
                "Its standard error over the resamples, 0 or more.",
                low=0,
            ),
        ),
        key=("model", "method", "benchmark", "item_subset"),
        in_parts=True,
    ),
    "contrast_inference": Contract(
        "Errors, intervals and tests of contrasts by resampling. One row per model, method, "
        "contrast, item subset, level and region with documents.",
        (
            MODEL,
            METHOD,
            _CONTRAST,
            ITEM_SUBSET,
            _LEVEL,
            _REGION_ID,
            _z("delta_z", "Weighted sum of the benchmarks' z."),
            _error(
                "delta_z_standard_error",
                "Standard deviation of delta_z over the resamples, with the spreads over bins "
                "held at the observed ones, 0 or more.",
            ),
            _z(
                "delta_z_low",
                "Lower bound of the 95 % interval of delta_z with as many items and documents as "
                "one likes, what 1 z is held for each benchmark: delta_z less t times "
                "delta_z_standard_error, t being Student's 97.5 % quantile.",
            ),
            _z("delta_z_high", "Upper bound of the same interval."),
            _z(
                "delta_z_simultaneous_low",
                "Lower bound of an interval that holds for all regions of the level at once in "
                "95 % of studies (Bonferroni): of a region that was picked for its delta_z.",
            ),
            _z("delta_z_simultaneous_high", "Upper bound of the interval for all regions at once."),
            _FREEDOM,
            _p_value(
                "Two-sided p-value that delta_z is 0: Student's t of delta_z over its standard "
                "error, 0 to 1; null where the error is 0 or unknown."
            ),
            _z(
                "signal_delta_z",
                "The contrast of the benchmarks' signal_z. It differs from delta_z most where one "
                "benchmark's profile is noisier than the other's. Null where one has no signal_z.",
            ),
            _z("signal_delta_z_low", "Lower bound of its 95 % interval."),
            _z("signal_delta_z_high", "Upper bound of its 95 % interval."),
        ),
        key=("model", "method", "contrast", "item_subset", "level", "region_id"),
        in_parts=True,
    ),
    "correlation_inference": Contract(
        "Intervals of the correlations of benchmarks by resampling. One row per model, method, "
        "item subset, level and pair of benchmarks.",
        (
            MODEL,
            METHOD,
            ITEM_SUBSET,
            _LEVEL,
            replace(
                BENCHMARK,
                name="benchmark_a",
                meaning="The benchmark that comes first in the study.",
            ),
            replace(
                BENCHMARK,
                name="benchmark_b",
                meaning="The benchmark that comes second in the study.",
            ),
            _r("pearson", "Pearson's correlation of z over the regions of the level."),
            _real(
                "fisher_standard_error",
                "Fisher's transform",
                "Standard deviation of Fisher's transform of Pearson's correlation over the "
                "resamples, noise laid on profiles of the size of their signal.",
                low=0,
            ),
            _r(
                "pearson_low",
                "Lower bound of the 95 % interval, by Fisher's transform, of the Pearson that "
                "other items and documents in the same numbers give on average, -1 to 1. Null "
                "where the signal share of either benchmark is not above 0.",
            ),
            _r("pearson_high", "Upper bound of the same interval, -1 to 1."),
            _real(
                "signal_share_a",
                "share",
                "Share of the variance over the regions of benchmark_a's z that is not chance of "
                "items and documents, 1 or less; negative where chance alone would give more.",
                high=1,
            ),
            _real(
                "signal_share_b",
                "share",
                "Share of the variance over the regions of benchmark_b's z that is not chance of "
                "items and documents, 1 or less; negative where chance alone would give more.",
                high=1,
            ),
            _r(
                "true_pearson",
                "Pearson's correlation of the true means: the covariance and variances less what "
                "noise adds to them (shared documents to the covariance too), -1 to 1. Null where "
                "a benchmark has no signal_z.",
            ),
            _r(
                "true_pearson_low",
                "Lower bound of its 95 % interval, by Fisher's transform, -1 to 1.",
            ),
            _r("true_pearson_high", "Upper bound of its 95 % interval, -1 to 1."),
        ),
        key=("model", "method", "item_subset", "level", "benchmark_a", "benchmark_b"),
        in_parts=True,
    ),
    "correctness_inference": Contract(
        "Errors, intervals and tests of the differences between right and wrong answers by "
        "resampling. One row per model, method, benchmark with ten items or more of either kind, "
        "level and region with documents.",
        (
            MODEL,
            METHOD,
            BENCHMARK,
            _LEVEL,
            _REGION_ID,
            _z("delta_z", "z_correct - z_incorrect, both over the spread of all items' means."),
            _error(
                "delta_z_standard_error",
                "Standard deviation of delta_z over the resamples, 0 or more.",
            ),
            _z(
                "delta_z_low",
                "Lower bound of the 95 % interval, the spread held: delta_z less t times "
                "delta_z_standard_error, t being Student's 97.5 % quantile; null below ten items "
                "of either kind.",
            ),
            _z("delta_z_high", "Upper bound of the same interval."),
            _FREEDOM,
            _p_value(
                "Two-sided p-value that delta_z is 0: Student's t of delta_z over its standard "
                "error, 0 to 1; null where the error is 0 or unknown."
            ),
        ),
        key=("model", "method", "benchmark", "level", "region_id"),
        in_parts=True,
    ),
    "correctness_contrast_inference": Contract(
        "The same of the contrasts of those differences, over topics and formats. One row per "
        "model, method, contrast, level and region with documents.",
        (
            MODEL,
            METHOD,
            _CONTRAST,
            _LEVEL,
            _REGION_ID,
            _z("difference", "delta_z_correct - delta_z_incorrect."),
            _error(
                "difference_standard_error",
                "Standard deviation of the difference over the resamples, 0 or more.",
            ),
            _z(
                "difference_low",
                "Lower bound of the 95 % interval: the difference less t times its standard "
                "error, t being Student's 97.5 % quantile; null below ten items of either kind in "
                "any of its benchmarks.",
            ),
            _z("difference_high", "Upper bound of the same interval."),
            _FREEDOM,
            _p_value(
                "Two-sided p-value that the difference is 0: Student's t of the difference over "
                "its standard error, 0 to 1; null where the error is 0 or unknown."
            ),
        ),
        key=("model", "method", "contrast", "level", "region_id"),
        in_parts=True,
    ),
    "agreement_inference": Contract(
        "How alike two methods rank regions, by support, and documents, by mean score. None of a "
        "study with one method. One row per model, benchmark, level and pair of methods.",
        (
            MODEL,
            BENCHMARK,
            replace(
                _LEVEL,
                meaning="What is ranked: `bin`, `topic`, `format`, or `document`.",
                values=("bin", "topic", "format", "document"),
            ),
            _METHOD_A,
            _METHOD_B,
            Column(
                "n_regions",
                BIG,
                "Regions with documents that are ranked; documents at level `document`.",
                unit="regions",
                low=0,
            ),
            _N_SHARED_ITEMS,
            replace(N_CLUSTERS, is_nullable=True),
            _r(
                "spearman",
                "Spearman's correlation over regions of the two methods' support, -1 to 1; at "
                "level `document` of the mean scores of documents. Null where a method gives all "
                "the same.",
            ),
            _real(
                "fisher_standard_error",
                "Fisher's transform",
                "Standard error of Fisher's transform of Spearman's correlation: over the "
                "resamples, the same for both methods, noise laid on profiles of the size of "
                "their signal; at level `document` over documents alone, the items held.",
                low=0,
            ),
            _r(
                "spearman_low",
                "Lower bound of the 95 % interval, by Fisher's transform, of the Spearman that "
                "other items and documents in the same numbers give on average, -1 to 1.",
            ),
            _r("spearman_high", "Upper bound of the same interval, -1 to 1."),
            _of_a_method("a"),
            _of_a_method("b"),
            Column(
                "n_strongest",
                INT,
                "Documents of each item that count as its strongest; null but at level `document` "
                "of methods with scores of single items.",
                unit="documents",
                low=0,
                is_nullable=True,
            ),
            _real(
                "overlap",
                "share",
                "Share of an item's n_strongest documents by one method that are among those "
                "of the other, mean over items; a score of 0 or less is no support.",
                low=0,
                high=1,
            ),
            _real(
                "overlap_low",
                "share",
                "Lower bound of its 95 % interval by Student's t over sources of items, the "
                "documents held; null where nothing varies.",
                low=0,
                high=1,
            ),
            _real("overlap_high", "share", "Upper bound of the same interval.", low=0, high=1),
            _real(
                "overlap_by_chance",
                "share",
                "Overlap that two choices of n_strongest documents at random have on average.",
                low=0,
            ),
        ),
        key=("model", "benchmark", "level", "method_a", "method_b"),
        in_parts=True,
    ),
    "difference_inference": Contract(
        "Difference of two methods' support of a region. None of a study with one method. One row "
        "per model, benchmark, level, pair of methods and region with documents.",
        (
            MODEL,
            BENCHMARK,
            _LEVEL,
            _METHOD_A,
            _METHOD_B,
            _REGION_ID,
            _N_SHARED_ITEMS,
            N_CLUSTERS,
            _standardized(
                "standardized_a",
                "Support of the region by method_a less that of all documents, over the standard "
                "deviation of the regions' supports by it.",
            ),
            _standardized("standardized_b", "The same by method_b."),
            _standardized("difference", "standardized_a less standardized_b."),
            replace(
                _standardized(
                    "standard_error",
                    "Standard deviation of the difference over the resamples of items and "
                    "documents, the same for both methods, the spreads over regions held; null of "
                    "a region of one document.",
                ),
                low=0,
            ),
            _standardized(
                "low",
                "Lower bound of the 95 % interval: the difference less t times its standard error, "
                "t being Student's 97.5 % quantile.",
            ),
            _standardized("high", "Upper bound of the same interval."),
            _standardized(
                "simultaneous_low",
                "Lower bound of an interval that holds for all regions of the level at once in "
                "95 % of studies (Bonferroni): of a region that was picked for its difference.",
            ),
            _standardized("simultaneous_high", "Upper bound of the interval for all regions."),
            _FREEDOM,
            _p_value(
                "Two-sided p-value that the difference is 0, by Student's t; null where the error "
                "is 0 or unknown."
            ),
        ),
        key=("model", "benchmark", "level", "method_a", "method_b", "region_id"),
        in_parts=True,
    ),
    "concentration_noise": Contract(
        "Concentration of influence over bins that pure noise gives: the documents with their "
        "scores dealt to the bins at random, each bin keeping its number of documents. Of imported "
        "bin means, normal means of variance 1 / documents. Of all items. One row per model, "
        "method, benchmark and measure.",
        (
            MODEL,
            METHOD,
            BENCHMARK,
            Column(
                "measure",
                TEXT,
                "What is shared out over the bins: `mean` (mean score), `z` or `top_share`.",
                values=("mean", "z", "top_share"),
            ),
            *_of_noise("gini", "share", "Gini coefficient", high=1),
            *_of_noise("effective_bins", "bins", "exp(entropy of the shares)"),
            *_of_noise("top_10_share", "share", "Share of the 10 largest bins", high=1),
            *_of_noise("top_50_share", "share", "Share of the 50 largest bins", high=1),
            *_of_noise("top_100_share", "share", "Share of the 100 largest bins", high=1),
        ),
        key=("model", "method", "benchmark", "measure"),
        in_parts=True,
    ),
    "split_half_correlations": Contract(
        "Correlations of the profiles that two random halves of the items, or of each bin's "
        "documents, give. One row per model, method, benchmark, item subset, thing halved, level "
        "and split.",
        (
            MODEL,
            METHOD,
            BENCHMARK,
            replace(ITEM_SUBSET, meaning="Items that count: `all`.", values=("all",)),
            Column(
                "split_over",
                TEXT,
                "What is halved: `items` or `documents`.",
                values=("items", "documents"),
            ),
            _LEVEL,
            Column("split", INT, "Number of the split, from 0.", low=0),
            Column(
                "pearson",
                REAL,
                "Pearson's correlation of the halves; null where one is constant.",
                unit="correlation",
                is_nullable=True,
            ),
        ),
        key=("model", "method", "benchmark", "item_subset", "split_over", "level", "split"),
        in_parts=True,
    ),
}
