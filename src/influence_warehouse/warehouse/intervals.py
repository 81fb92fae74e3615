"""Intervals and p-values of estimates whose resamples are known: exact t, normal, Fisher.

Belongs here: formulae of docs/statistics.md that turn an estimate and its resamples into an error,
an interval and a p-value. Does not belong here: of what they are (`inference`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from influence_warehouse.warehouse.profiles import Level, Profile

# Standard errors in half a normal 95 % interval.
NORMAL_HALF = float(stats.norm.ppf(0.975))
# Below this an error in units of the spread over bins is rounding: there is nothing that varies.
_ROUNDING = 1e-12
# Correlations of 1 and -1 have no transform of Fisher's, and estimates may lie beyond.
_CORRELATION_LIMIT = 1 - 1e-10


@dataclass(frozen=True)
class Correlations:
    """Of every pair of p profiles, arrays [p, p]; of each profile its signal share [p].

    `error` is of Fisher's transform of `pearson`, `true_error` of that of `true_pearson`.
    """

    pearson: np.ndarray
    error: np.ndarray
    share: np.ndarray
    true_pearson: np.ndarray
    true_error: np.ndarray


def standard_error(resampled: np.ndarray) -> np.ndarray:
    """Standard deviation over the resamples [resamples, regions] -> [regions]."""
    return resampled.std(axis=0, ddof=1)


def satterthwaite(parts: Sequence[tuple[Any, Any]]) -> Any:
    """Degrees of freedom of a sum of independent variances, from (variance, its own degrees).

    Numbers or arrays; NaN where nothing varies.
    """
    total = sum(variance for variance, _ in parts)
    terms = sum(variance**2 / freedom for variance, freedom in parts)
    return total**2 / np.where(terms > 0, terms, np.nan)


def degrees_of_freedom(
    of_items: Sequence[tuple[np.ndarray, int]],
    of_documents: np.ndarray,
    document_freedom: np.ndarray,
) -> np.ndarray:
    """Of a variance that benchmarks' items and the documents add up to [regions].

    `of_items` has the variance [regions] of each benchmark and its number of clusters, of which
    one is lost; `of_documents` that of the documents. NaN where nothing varies.
    """
    of_clusters = [(variance, max(n_clusters - 1, 1)) for variance, n_clusters in of_items]
    return satterthwaite([(of_documents, document_freedom), *of_clusters])


def freedom_of(profile: Profile, level: Level) -> np.ndarray:
    """Degrees of freedom of the errors of a profile over the regions of a level [regions]."""
    of_items = [(standard_error(part.draws) ** 2, part.n_clusters) for part in profile.item_noise]
    of_documents = standard_error(profile.document_noise) ** 2
    return degrees_of_freedom(of_items, of_documents, level.document_freedom)


def t_half(freedom: np.ndarray | float, n_intervals: int = 1) -> np.ndarray:
    """Standard errors in half a 95 % interval by Student's t.

    Of several intervals all hold together in 95 % (Bonferroni), so that any may be picked.
    """
    return stats.t.ppf(1 - 0.025 / n_intervals, freedom)


def two_sided_p(estimate: np.ndarray, error: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """p of an estimate over its error by Student's t; NaN where nothing varies.

    An interval of `t_half` errors leaves out 0 exactly where p < 0.05.
    """
    ratio = np.abs(estimate) / np.where(error > _ROUNDING, error, np.nan)
    return 2 * stats.t.sf(ratio, freedom)


def one_sided_p(estimate: np.ndarray, error: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """p that an estimate is 0 or less, by Student's t; NaN where nothing varies."""
    return stats.t.sf(estimate / np.where(error > _ROUNDING, error, np.nan), freedom)


def correlations(profiles: list[Profile]) -> Correlations:
    """Pearson of each pair of profiles with the errors that their noise leaves.

    Noise is laid on profiles that have as much signal as the observed ones, sqrt(share) times
    their z: on z itself, which holds noise already, every resample would lose correlation. The
    true Pearson has the noise taken out of the covariance and both variances.
    """
    z = np.stack([profile.z for profile in profiles])
    noise = np.stack([profile.noise for profile in profiles])
    z, noise = _centred(z), _centred(noise)
    freedom = max(z.shape[-1] - 1, 1)
    observed = z @ z.T / freedom
    added = np.einsum("irk,jrk->ijr", noise, noise) / freedom
    along = np.einsum("ik,jrk->ijr", z, noise) / freedom
    true = observed - added.mean(axis=-1)
    share = np.diag(true) / _above_0(np.diag(observed))
    scale = np.sqrt(np.maximum(share, 0))
    cross = scale[:, None, None] * along
    drawn = (np.outer(scale, scale) * observed)[..., None] + added + cross
    drawn += cross.transpose(1, 0, 2)
    true_pearson = true / np.sqrt(_products(np.diag(true)))
    return Correlations(
        observed / np.sqrt(_products(np.diag(observed))),
        fisher(drawn / np.sqrt(_products(np.einsum("iir->ir", drawn)))).std(axis=-1, ddof=1),
        share,
        bounded(true_pearson),
        _true_errors(true, true_pearson, drawn),
    )


def _true_errors(true: np.ndarray, pearson: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The true Pearson is made of three moments: how it moves with them, to first order."""
    variance = _above_0(np.diag(true))
    growth = np.einsum("iir->ir", drawn) / (2 * variance[:, None])
    change = drawn / np.sqrt(_products(np.diag(true)))[..., None]
    change = change - pearson[..., None] * (growth[:, None] + growth[None])
    return change.std(axis=-1, ddof=1) / (1 - bounded(pearson) ** 2)


def fisher(correlation: np.ndarray) -> np.ndarray:
    """Fisher's transform."""
    return np.arctanh(bounded(correlation))


def fisher_interval(correlation: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a correlation whose transform has that standard error."""
    half = NORMAL_HALF * error
    return np.tanh(fisher(correlation) - half), np.tanh(fisher(correlation) + half)


def bounded(correlation: np.ndarray) -> np.ndarray:
    """Just short of 1 and -1; NaN stays."""
    return np.clip(correlation, -_CORRELATION_LIMIT, _CORRELATION_LIMIT)


def _products(variances: np.ndarray) -> np.ndarray:
    """Of every pair, NaN where one is not above 0, [p, ...] -> [p, p, ...]."""
    known = _above_0(variances)
    return known[:, None] * known[None]


def _above_0(values: np.ndarray) -> np.ndarray:
    # Of units of the spread over bins a smaller variance is rounding.
    return np.where(values > _ROUNDING**2, values, np.nan)


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=-1, keepdims=True)
