"""Support and enrichment of regions: where what speaks for a benchmark stands.

Belongs here: the two measures of single items, and the errors, intervals and tests of their means
over regions, by clusters of items and by documents; docs/statistics.md, "Support" gives the
formulae. Does not belong here: z, which compares means of bins (`profiles`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from influence_warehouse.lake.facts import Lake, Part
from influence_warehouse.pipeline.parts import shards_of
from influence_warehouse.study.study import Study
from influence_warehouse.warehouse.intervals import (
    degrees_of_freedom,
    one_sided_p,
    t_half,
)
from influence_warehouse.warehouse.profiles import Level
from influence_warehouse.warehouse.resamples import (
    BinMoments,
    Items,
    Resamples,
    cluster_deviations,
    item_bin_means,
    item_by_document_shares,
    moderated_covariance,
    within_bin_moments,
)

# Sum over documents of what a measure is of, and of its square (a place among the strongest
# counts 1 or 0), as columns of bin_item_scores.
_SUMS = {
    "support": ("positive_sum_sq", "positive_sum_fourth"),
    "enrichment": ("n_in_top_k", "n_in_top_k"),
}
# What is squared, or counts 1 or 0, is skewed: of a single document no error can be told, and an
# interval as of many is wrong too often (docs/statistics.md, "Measured false discoveries").
MIN_DOCUMENTS = 2


@dataclass(frozen=True)
class Measure:
    """One measure of a benchmark: means over documents, by item and bin.

    `items` has them relative to what the item gives all documents; `document_variance` [bins] is
    the variance of a bin's mean over items that comes from having sampled these documents.
    """

    items: Items
    document_variance: np.ndarray


def measures(
    study: Study, lake: Lake, cell: Part, resamples: Resamples
) -> dict[str, dict[str, Measure]]:
    """Support and enrichment of each benchmark, by benchmark and then by measure."""
    sums, names = resamples.sums, list(resamples.items)
    n_bins = lake.rows("bin_populations")
    moments = {
        "support": within_bin_moments(
            lake, shards_of(study, cell), names, n_bins, "positive_square"
        ),
        "enrichment": _moments_of_places(lake, cell, resamples, n_bins),
    }
    found: dict[str, dict[str, Measure]] = {name: {} for name in names}
    for measure, columns in _SUMS.items():
        variances = document_variances(sums, moments[measure], names, columns)
        for position, name in enumerate(names):
            rows = sums.filter(benchmark=name)
            found[name][measure] = measure_of(
                rows, columns[0], resamples, variances[resamples.bin_ids, position], name
            )
    return found


def measure_of(
    rows: pl.DataFrame, total: str, resamples: Resamples, raw_variance: np.ndarray, name: str
) -> Measure:
    """Means of each item over what it gives a document on average; without any they are 0.

    A document's mean over items is known before that divisor alone: its variance is brought to
    the measure's unit by the ratio of the two overall means.
    """
    values, scale = relative_values(rows, total, resamples.bin_ids, resamples.documents)
    return Measure(replace(resamples.items[name], values=values), raw_variance * scale**2)


def relative_values(
    rows: pl.DataFrame, total: str, bin_ids: np.ndarray, documents: np.ndarray
) -> tuple[np.ndarray, float]:
    """The values of `measure_of` float64 [items, bins], and the ratio of the two overall means."""
    raw = item_bin_means(rows, total, int(bin_ids[-1]) + 1)[:, bin_ids]
    share = documents / documents.sum()
    divisor = _second_moments(rows) if total == "positive_sum_sq" else raw @ share
    values = np.divide(raw, divisor[:, None], out=np.zeros_like(raw), where=divisor[:, None] > 0)
    overall = (raw @ share).mean()
    return values, (values @ share).mean() / overall if overall > 0 else 0.0


def _second_moments(rows: pl.DataFrame) -> np.ndarray:
    """Mean of the squared score over all documents, by item in order of item_id."""
    each = rows.group_by("item_id", maintain_order=True).agg(
        pl.col("score_sum_sq").sum() / pl.col("n_documents").sum()
    )
    return each["score_sum_sq"].to_numpy()


def document_variances(
    sums: pl.DataFrame, moments: BinMoments, names: list[str], columns: tuple[str, str]
) -> np.ndarray:
    """Variance of the bin means from documents, without what items bring in, [bins, benchmarks]."""
    variances = np.einsum("kii->ki", moderated_covariance(moments))
    left = 1 - item_by_document_shares(sums, moments, names, columns)
    return variances * left / np.maximum(moments.count, 1)[:, None]


def _moments_of_places(lake: Lake, cell: Part, resamples: Resamples, n_bins: int) -> BinMoments:
    """Moments within bins of the share of the items that have a document among their strongest."""
    count = np.zeros(n_bins)
    count[resamples.bin_ids] = resamples.documents
    size = len(resamples.items)
    scatter, total_scatter = np.zeros((n_bins, size, size)), np.zeros((size, size))
    places = lake.read("proponents", cell).filter(pl.col("rank") > 0)
    for position, (name, items) in enumerate(resamples.items.items()):
        shares = (
            places.filter(benchmark=name)
            .group_by("doc_id", "bin_id")
            .agg(share=pl.len() / len(items.values))
        )
        bins, share = shares["bin_id"].to_numpy(), shares["share"].to_numpy()
        total, squares = (np.bincount(bins, share**power, n_bins) for power in (1, 2))
        scatter[:, position, position] = squares - total**2 / np.maximum(count, 1)
        total_scatter[position, position] = squares.sum() - total.sum() ** 2 / count.sum()
    return BinMoments(count, scatter, total_scatter)


def measure_columns(
    measures: Mapping[str, Measure], subset: str, level: Level, documents: np.ndarray
) -> dict[str, Any]:
    """Estimate, error, interval and one-sided test of each measure over the regions of a level.

    The test asks whether the region has more than all documents have on average, which is held:
    an interval leaves that out exactly where a two-sided p would be below 0.05.
    """
    columns: dict[str, Any] = {}
    for name, measure in measures.items():
        found = _estimated(measure, subset, level, documents)
        half = t_half(found.freedom) * found.error
        columns |= {
            name: found.estimate,
            f"{name}_standard_error": found.error,
            f"{name}_low": found.estimate - half,
            f"{name}_high": found.estimate + half,
            f"{name}_p_value": one_sided_p(found.above, found.error, found.freedom),
        }
    return columns


@dataclass(frozen=True)
class _Estimated:
    """Of each region [regions] the mean over items and documents, what it has above that of all
    documents, and the error of the latter with its degrees of freedom."""

    estimate: np.ndarray
    above: np.ndarray
    error: np.ndarray
    freedom: np.ndarray


def _estimated(measure: Measure, subset: str, level: Level, documents: np.ndarray) -> _Estimated:
    share = (documents / documents.sum())[:, None]
    weights = level.document_weights
    items = measure.items.of_subset(subset)
    above = replace(items, values=items.values @ (weights - share))
    count = items.n_clusters
    by_cluster = cluster_deviations(above, int(items.clusters.max()) + 1)
    of_items = (count / (count - 1) if count > 1 else 0.0) * (by_cluster**2).sum(axis=0)
    of_documents = measure.document_variance @ (weights - share) ** 2
    is_known = documents @ (weights > 0) >= MIN_DOCUMENTS
    return _Estimated(
        items.values.mean(axis=0) @ weights,
        above.values.mean(axis=0),
        np.where(is_known, np.sqrt(of_items + of_documents), np.nan),
        degrees_of_freedom([(of_items, count)], of_documents, level.document_freedom),
    )
