"""The marts' intervals once more: the formulae of docs/statistics.md, "Uncertainty", written anew.

tests/dbt/test_marts.py holds the published tables equal to them. Does not belong here: drawing
resamples, which is the package's own code.

Arrays are benchmarks x bins, resamples before the bins: [benchmarks, resamples, bins]. `weights`
is [bins, regions], each column the share of every bin in the mean that the region is.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

HALF = stats.norm.ppf(0.975)


@dataclass(frozen=True)
class Profiles:
    """Standardized values with their resampled noise, in both units.

    `z`, `signal_z` [benchmarks, bins]; noise [benchmarks, resamples, bins], of items, of documents
    and of `signal_z`; `signal_share`, `share_error` [benchmarks]. What is of the signal is NaN
    without a scale.
    """

    z: np.ndarray
    item_noise: np.ndarray
    document_noise: np.ndarray
    signal_z: np.ndarray
    signal_z_noise: np.ndarray
    signal_share: np.ndarray
    share_error: np.ndarray

    @property
    def noise(self) -> np.ndarray:
        return self.item_noise + self.document_noise


def profiles(means: np.ndarray, items: np.ndarray, documents: np.ndarray) -> Profiles:
    """From observed bin means [benchmarks, bins] and what items and documents add to them."""
    spread = means.std(axis=-1, ddof=1, keepdims=True)
    z = _centred(means) / spread
    item_noise, document_noise = (_centred(draws) / spread[:, None] for draws in (items, documents))
    noise = item_noise + document_noise
    variance = noise.var(axis=-1, ddof=1)
    share = 1 - variance.mean(axis=1)
    along = (noise * z[:, None]).sum(axis=-1) / (z.shape[-1] - 1)
    width = variance + 2 * np.sqrt(np.maximum(share, 0))[:, None] * along
    error = width.std(axis=1, ddof=1)
    scale = np.sqrt(np.where(share > 4 * error, share, np.nan))[:, None]
    growth = (width - (1 - share)[:, None]) / (2 * share)[:, None]
    signal_z = z / scale
    signal_z_noise = noise / scale[..., None] - signal_z[:, None] * growth[..., None]
    return Profiles(z, item_noise, document_noise, signal_z, signal_z_noise, share, error)


def degrees_of_freedom(
    of_items: list[np.ndarray], of_documents: np.ndarray, clusters: int, free: np.ndarray
) -> np.ndarray:
    """Satterthwaite's of variances [regions] of each benchmark's items, and of documents."""
    total = sum(of_items) + of_documents
    return total**2 / (sum(v**2 for v in of_items) / (clusters - 1) + of_documents**2 / free)


def document_freedom(documents: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of every region: the sum over its bins [regions]."""
    own = np.maximum(documents - 1, 1)
    return ((4 + own) ** 2 / own) @ (weights > 0)


@dataclass(frozen=True)
class Measured:
    """A measure over regions [regions]: estimate, that of all documents, error, freedom."""

    estimate: np.ndarray
    overall: float
    error: np.ndarray
    freedom: np.ndarray


def measured(
    values: np.ndarray,
    raw: np.ndarray,
    clusters: np.ndarray,
    bins: np.ndarray,
    region_of: np.ndarray,
) -> Measured:
    """From the scores themselves, document by document.

    `values` [items, documents] in the measure's unit, `raw` the same before it is divided by what
    the item gives; `clusters` [items]; `bins` [documents]; `region_of` [documents], from 0.
    """
    member = region_of[:, None] == np.arange(region_of.max() + 1)
    weights = member / member.sum(axis=0) - 1 / len(bins)
    above = values @ weights
    about = above - above.mean(axis=0)
    groups = np.stack([about[clusters == c].sum(axis=0) for c in np.unique(clusters)])
    count = len(groups)
    of_items = count / (count - 1) * (groups**2).sum(axis=0) / len(values) ** 2
    variances = _document_variances(raw, bins) * (values.mean() / raw.mean()) ** 2
    present, first = np.unique(bins, return_index=True)
    documents = np.bincount(bins)[present]
    of_bins = weights[first] * documents[:, None]
    of_documents = (variances / documents) @ of_bins**2
    free = document_freedom(documents, member[first])
    freedom = degrees_of_freedom([of_items], of_documents, count, free)
    estimate = (values @ (member / member.sum(axis=0))).mean(axis=0)
    return Measured(estimate, values.mean(), np.sqrt(of_items + of_documents), freedom)


def _document_variances(raw: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Moderated variance within each bin with documents of the documents' means over items, less
    the share that single items bring in."""
    items, present = len(raw), np.unique(bins)
    documents = np.bincount(bins)[present]

    def within(rows: np.ndarray) -> np.ndarray:
        parts = [rows[..., bins == b] for b in present]
        return np.stack([p.var(axis=-1) * p.shape[-1] for p in parts], axis=-1)

    scatter, free = within(raw.mean(axis=0).astype(np.float32).astype(float)), documents - 1
    pooled = scatter.sum() / free.sum()
    single = within(raw).sum() / (items * free.sum())
    share = np.clip((single / pooled - 1) / (items - 1), 0, 1)
    return (4 * pooled + scatter) / (4 + free) * (1 - share)


def correlations(z: np.ndarray, noise: np.ndarray) -> tuple[float, float, float, float]:
    """Pearson of two profiles, the error of its transform, and both without noise.

    `z` [2, regions], `noise` [2, resamples, regions].
    """
    observed, added = np.cov(z), _covariances(noise, noise)
    share = np.maximum(1 - np.diag(added.mean(axis=2)) / np.diag(observed), 0)
    profile = (np.sqrt(share)[:, None] * _centred(z))[:, None] + _centred(noise)
    drawn = _covariances(profile, profile)
    pearson = drawn[0, 1] / np.sqrt(drawn[0, 0] * drawn[1, 1])
    true = observed - added.mean(axis=2)
    # Without signal there is no scale: NaN.
    scale = np.sqrt(true[0, 0] * true[1, 1]) if min(np.diag(true)) > 0 else np.nan
    true_pearson = true[0, 1] / scale
    change = drawn[0, 1] / scale - true_pearson / 2 * (
        drawn[0, 0] / true[0, 0] + drawn[1, 1] / true[1, 1]
    )
    true_error = change.std(ddof=1) / (1 - true_pearson**2)
    return np.corrcoef(z)[0, 1], np.arctanh(pearson).std(ddof=1), true_pearson, true_error


def fisher_interval(pearson: float, error: float) -> tuple[float, float]:
    """95 % interval of a correlation whose transform has that standard error."""
    middle = np.arctanh(np.clip(pearson, -1 + 1e-10, 1 - 1e-10))
    return np.tanh(middle - HALF * error), np.tanh(middle + HALF * error)


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=-1, keepdims=True)


def _covariances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Over regions, of every pair of benchmarks in each resample [2, 2, resamples]."""
    return np.einsum("irk,jrk->ijr", _centred(a), _centred(b)) / (a.shape[-1] - 1)
