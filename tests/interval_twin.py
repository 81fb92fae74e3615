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

    `z`, `true_z` [benchmarks, bins]; `noise`, `true_noise` [benchmarks, resamples, bins];
    `signal_share`, `share_error` [benchmarks]. What is true is NaN without a scale.
    """

    z: np.ndarray
    noise: np.ndarray
    true_z: np.ndarray
    true_noise: np.ndarray
    signal_share: np.ndarray
    share_error: np.ndarray


def profiles(means: np.ndarray, resampled: np.ndarray) -> Profiles:
    """From observed bin means [benchmarks, bins] and theirs in every resample."""
    spread = means.std(axis=-1, ddof=1, keepdims=True)
    z = _centred(means) / spread
    noise = _centred(resampled) / spread[:, None] - z[:, None]
    variance = noise.var(axis=-1, ddof=1)
    share = 1 - variance.mean(axis=1)
    along = (noise * z[:, None]).sum(axis=-1) / (z.shape[-1] - 1)
    width = variance + 2 * np.sqrt(np.maximum(share, 0))[:, None] * along
    error = width.std(axis=1, ddof=1)
    scale = np.sqrt(np.where(share > 4 * error, share, np.nan))[:, None]
    growth = (width - (1 - share)[:, None]) / (2 * share)[:, None]
    true_z = z / scale
    true_noise = noise / scale[..., None] - true_z[:, None] * growth[..., None]
    return Profiles(z, noise, true_z, true_noise, share, error)


def degrees_of_freedom(items: int, documents: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of every region: the smaller of items - 1 and the sum over its bins [regions]."""
    own = np.maximum(documents - 1, 1)
    return np.minimum(items - 1, ((4 + own) ** 2 / own) @ (weights > 0))


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
