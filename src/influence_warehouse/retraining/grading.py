"""The linear datamodeling score (LDS): do a method's scores say what retraining does?

Of one item it is Spearman's correlation, over subsets of the documents, between the sum of the
item's scores over what was kept and the outcome of a model trained on that; of a benchmark the mean
over its items (Park et al. 2023, arXiv 2303.14186). Errors are over subsets, each left out in turn
(jackknife): all items are asked of the same models, so they err together, whether they share a
subject or not. Arrays are float64 [subsets, items] unless said otherwise.
Does not belong here: which subsets there are, and facts (`quality`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from influence_warehouse.warehouse.estimate import Estimate
from influence_warehouse.warehouse.resamples import PRIOR_DEGREES_OF_FREEDOM

# Below this a rank correlation has a handful of values, and with one subset left out fewer.
LEAST_SUBSETS = 4
# Sums that differ by less, as a share of the item's largest, differ by rounding: they tie.
_DECIMALS = 12


@dataclass(frozen=True)
class Grade:
    """LDS of one method, and what it is with each subset left out, `without` [subsets].

    NaN where no item's outcome moves over the subsets. `n_graded_items` are all but
    `n_items_without_outcome`, whose outcome is the same in every subset, so that there is nothing
    to predict. `n_items_without_prediction` of them have equal sums in every subset: the method
    says nothing of them, which counts as a correlation of 0. `item_variance` is that of the LDS
    over sources of items, the subsets held; None of a single source.
    """

    lds: float
    without: np.ndarray
    n_graded_items: int
    n_items_without_prediction: int
    n_items_without_outcome: int
    n_clusters: int
    item_variance: float | None

    @property
    def estimate(self) -> Estimate:
        """The LDS with its jackknife error, over other subsets drawn like these."""
        return _jackknifed(self.lds, self.without)


def grade(predicted: np.ndarray, outcome: np.ndarray, clusters: np.ndarray) -> Grade:
    """Grade predictions, of at least `LEAST_SUBSETS` subsets; `clusters` int [items]."""
    by_item = item_correlations(predicted, outcome)
    moved = np.isfinite(by_item)
    silent = _is_constant(predicted) & moved
    others = _each_left_out(len(outcome))
    return Grade(
        lds=float(mean_known(by_item)),
        without=mean_known(item_correlations(predicted[others], outcome[others])),
        n_graded_items=int(moved.sum()),
        n_items_without_prediction=int(silent.sum()),
        n_items_without_outcome=int((~moved).sum()),
        n_clusters=len(np.unique(clusters[moved])),
        item_variance=cluster_variance(by_item[moved], clusters[moved]),
    )


def pooled(grades: Sequence[Grade]) -> Grade:
    """The mean over benchmarks, of the same subsets; benchmarks without outcomes do not count."""
    known = [each for each in grades if np.isfinite(each.lds)]
    silent = sum(each.n_items_without_prediction for each in known)
    unmoved = sum(each.n_items_without_outcome for each in grades)
    if not known:
        return Grade(np.nan, np.full_like(grades[0].without, np.nan), 0, 0, unmoved, 0, None)
    variances = [each.item_variance for each in known if each.item_variance is not None]
    return Grade(
        lds=float(np.mean([each.lds for each in known])),
        without=np.mean([each.without for each in known], axis=0),
        n_graded_items=sum(each.n_graded_items for each in known),
        n_items_without_prediction=silent,
        n_items_without_outcome=unmoved,
        n_clusters=sum(each.n_clusters for each in known),
        item_variance=sum(variances) / len(known) ** 2 if len(variances) == len(known) else None,
    )


def difference(a: Grade, b: Grade) -> Estimate:
    """LDS of a minus that of b on the same subsets: what both share of them cancels."""
    return _jackknifed(a.lds - b.lds, a.without - b.without)


def item_correlations(predicted: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Spearman's correlations over subsets, [..., subsets, items] twice -> [..., items].

    NaN where the outcome is constant; 0 where only the prediction is.
    """
    a, b = _centred_ranks(predicted), _centred_ranks(outcome)
    spread_a, spread_b = (np.sqrt((ranks**2).sum(axis=-2)) for ranks in (a, b))
    product = (a * b).sum(axis=-2) / np.where(spread_a * spread_b > 0, spread_a * spread_b, 1)
    return np.where(spread_b > 0, product, np.nan)


def cluster_variance(values: np.ndarray, clusters: np.ndarray) -> float | None:
    """Variance of the mean over items [items] whose sources `clusters` [items] are drawn.

    None of fewer than two sources. C / (C - 1) times the sum over sources of what each adds to
    the mean, squared: docs/statistics.md, "Support".
    """
    _, number = np.unique(clusters, return_inverse=True)
    n_clusters = int(number.max()) + 1 if len(number) else 0
    if n_clusters < 2:
        return None
    added = np.bincount(number, (values - values.mean()) / len(values))
    return float(n_clusters / (n_clusters - 1) * (added**2).sum())


def noise_freedom(apart: Sequence[np.ndarray]) -> int:
    """Degrees of freedom of `training_noise`: repeats, less one for each seed."""
    return sum(len(group) - 1 for group in apart)


def training_noise(apart: Sequence[np.ndarray]) -> tuple[np.ndarray, int] | None:
    """Variance [items] by which chance of training moves an outcome against that of other subsets
    of the same seed, and its degrees of freedom.

    `apart`, [repeats, items] of each other seed, is the outcome by that seed minus that by the
    training's own. What a seed does to all subsets alike is no noise in their order: it is the
    mean over repeats. The rest is chance of two trainings, hence the half. None where no seed has
    two repeats.
    """
    freedom = noise_freedom(apart)
    if freedom < 1:
        return None
    scatter = [((group - group.mean(axis=0)) ** 2).sum(axis=0) for group in apart]
    return np.sum(scatter, axis=0) / freedom / 2, freedom


def reliabilities(outcome: np.ndarray, noise: np.ndarray, freedom: int) -> np.ndarray:
    """Share of each item's variance over subsets that is not chance of training, [items].

    `noise` [items] and `freedom` are those of `training_noise`. Few repeats tell little of one
    item, so its share of chance is drawn towards the mean over items with the weight of
    `PRIOR_DEGREES_OF_FREEDOM`, as variances of bins are. 0 where chance is all, NaN where the
    outcome is constant.
    """
    count = len(outcome)
    total = np.where(_is_constant(outcome), np.nan, outcome.var(axis=0, ddof=1))
    # 1 over an estimated variance is too large in the mean, by this factor for normal values.
    chance = noise / total * (count - 3) / (count - 1)
    prior = PRIOR_DEGREES_OF_FREEDOM
    drawn = (prior * mean_known(chance) + freedom * chance) / (prior + freedom)
    return np.clip(1 - drawn, 0, 1)


def ceiling(reliability: np.ndarray, n_subsets: int) -> np.ndarray:
    """The LDS that true effects would have against outcomes of such reliability, [items].

    True and measured effects correlate by the square root of the reliability (Spearman 1904); what
    Spearman's rank correlation of normal values then is in the mean over so many subsets says
    Moran 1948 (Biometrika 35, 203-206). 1 at a reliability of 1, 0 at 0.
    """
    correlation = np.sqrt(reliability)
    angles = np.arcsin(correlation) + (n_subsets - 2) * np.arcsin(correlation / 2)
    return 6 / (np.pi * (n_subsets + 1)) * angles


def _jackknifed(value: float, without: np.ndarray) -> Estimate:
    if not np.isfinite(without).all():
        # Unknown without some subset: then its error is unknown, too.
        return Estimate(value)
    count, without = len(without), without.round(_DECIMALS)
    spread = 0.0 if np.ptp(without) == 0 else float(((without - without.mean()) ** 2).sum())
    return Estimate(value, (((count - 1) / count * spread, count - 1.0),))


def _each_left_out(count: int) -> np.ndarray:
    """Positions of all but one, for each of `count`, int [count, count - 1]."""
    return np.array([[i for i in range(count) if i != left] for left in range(count)])


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    ranks = rankdata(_rounded(values), axis=-2)
    return ranks - ranks.mean(axis=-2, keepdims=True)


def _is_constant(values: np.ndarray) -> np.ndarray:
    return np.ptp(_rounded(values), axis=-2) == 0


def _rounded(values: np.ndarray) -> np.ndarray:
    """In units of the largest over subsets, so that what differs by rounding is equal."""
    largest = np.abs(values).max(axis=-2, keepdims=True)
    return np.round(values / np.where(largest > 0, largest, 1), _DECIMALS)


def mean_known(values: np.ndarray) -> np.ndarray:
    """Over the last axis, of those that are known; NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
