"""Standardized profiles: a benchmark's values over bins, topics or formats, and their noise.

Belongs here: from resampled bin means to what each resample adds to z, and what of the spread over
bins is signal; docs/statistics.md, "Uncertainty" gives the formulae. Does not belong here: drawing
(`resamples`), and intervals and tests (`intervals`, `inference`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import polars as pl

from influence_warehouse.warehouse.resamples import PRIOR_DEGREES_OF_FREEDOM, Drawn

# A scale that values are divided by is published where it is above so many standard errors.
_SURE_ERRORS = 4


@dataclass(frozen=True)
class Level:
    """The regions of one kind over the bins with documents.

    `region_ids` int [regions]; `weights` float64 [bins, regions], the share of every bin in the
    mean over bins that a region is, and `document_weights` in that over documents;
    `document_freedom` [regions], the degrees of freedom of the documents.
    """

    name: str
    region_ids: np.ndarray
    weights: np.ndarray
    document_weights: np.ndarray
    document_freedom: np.ndarray

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Values [..., bins] as those of the regions."""
        return values if self.name == "bin" else values @ self.weights


@dataclass(frozen=True)
class Signal:
    """What of the variance of z over bins is not chance, with its standard error."""

    share: float
    error: float

    @property
    def scale(self) -> float:
        """Its square root; NaN where the share is not told from 0."""
        return float(np.sqrt(self.share)) if self.share > _SURE_ERRORS * self.error else np.nan


@dataclass(frozen=True)
class ItemNoise:
    """What drawing one benchmark's clusters of items adds [resamples, regions], and how many."""

    draws: np.ndarray
    n_clusters: int


@dataclass(frozen=True)
class Profile:
    """Values of a benchmark or a contrast over regions, and what every resample adds to them.

    `z` [regions] and noise [resamples, regions] are in units of the observed spread over bins;
    `item_noise` has each benchmark's part, and `document_noise` what documents add to all.
    `signal_z` and `signal_z_noise` are in units of the signal's spread, NaN where that has no
    scale; that noise holds the error of the scale to first order.
    """

    z: np.ndarray
    item_noise: tuple[ItemNoise, ...]
    document_noise: np.ndarray
    signal_z: np.ndarray
    signal_z_noise: np.ndarray

    @property
    def noise(self) -> np.ndarray:
        """All that a resample adds [resamples, regions]."""
        return reduce(np.add, (part.draws for part in self.item_noise), self.document_noise)

    def over(self, level: Level) -> "Profile":
        """The same of regions, from that of bins."""
        return Profile(
            level.mean(self.z),
            tuple(replace(part, draws=level.mean(part.draws)) for part in self.item_noise),
            level.mean(self.document_noise),
            level.mean(self.signal_z),
            level.mean(self.signal_z_noise),
        )


def levels(populations: pl.DataFrame, bin_ids: np.ndarray, documents: np.ndarray) -> list[Level]:
    """Bins, topics and formats that hold documents; a single topic or format is no level.

    `populations` has the columns bin_id, topic, format; topics and formats are numbered by the
    alphabet, as in the marts. `bin_ids`, `documents` are those of the bins with documents.
    """
    own = np.maximum(documents - 1, 1)
    freedom = (PRIOR_DEGREES_OF_FREEDOM + own) ** 2 / own
    return [
        Level(
            name,
            ids,
            members / members.sum(axis=0),
            members * documents[:, None] / (documents @ members),
            members.T @ freedom,
        )
        for name, ids, members in _memberships(populations, bin_ids)
    ]


def _memberships(
    populations: pl.DataFrame, bin_ids: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, region ids and which bins [bins, regions] are in each region of a level."""
    yield "bin", bin_ids, np.eye(len(bin_ids))
    labels = pl.DataFrame({"bin_id": bin_ids.astype(np.int32)}).join(
        populations, on="bin_id", how="left", maintain_order="left"
    )
    for name in ("topic", "format"):
        names = sorted(populations[name].drop_nulls().unique())
        if len(names) > 1:
            of_bin = labels[name].replace_strict(names, list(range(len(names)))).to_numpy()
            ids = np.unique(of_bin)
            yield name, ids, (of_bin[:, None] == ids).astype(np.float64)


def spread_over_bins(means: np.ndarray) -> float:
    """Standard deviation (ddof = 1) of bin means; NaN where there is none to divide by."""
    return float(means.std(ddof=1)) if means.size > 1 and np.ptp(means) > 0 else np.nan


def standardized(drawn: Drawn) -> tuple[Profile, Signal]:
    """z of the bins with the noise of its resamples, the observed spread held.

    The noise of signal_z is noise / scale less signal_z times how far the resample moves the scale:
    (variance of the noise + 2 scale covariance of z and noise - (1 - share)) / (2 share).
    """
    spread = spread_over_bins(drawn.means)
    z = _centred(drawn.means) / spread
    document_noise = _centred(drawn.document_noise) / spread
    item_noise = _centred(drawn.item_noise) / spread
    noise = item_noise + document_noise
    freedom = max(len(z) - 1, 1)
    # Every centred resample less centred means is centred: no mean to take off.
    variance, along = (noise**2).sum(axis=1) / freedom, noise @ z / freedom
    share = 1 - variance.mean()
    width = variance + 2 * np.sqrt(max(share, 0)) * along
    signal = Signal(float(share), float(width.std(ddof=1)))
    signal_z = z / signal.scale
    growth = (width - (1 - share)) / (2 * share) if signal.scale > 0 else width * np.nan
    signal_z_noise = noise / signal.scale - growth[:, None] * signal_z
    document_noise = _centred(drawn.document_noise) / spread
    own = ItemNoise(item_noise, drawn.n_clusters)
    return Profile(z, (own,), document_noise, signal_z, signal_z_noise), signal


def weighted_sum(profiles: Sequence[Profile], weights: Sequence[float]) -> Profile:
    """The profile of a contrast: of each value the sum, weight by weight."""

    def total(parts: Iterable[np.ndarray]) -> np.ndarray:
        return reduce(np.add, (w * part for w, part in zip(weights, parts, strict=True)))

    return Profile(
        total(profile.z for profile in profiles),
        tuple(
            replace(part, draws=weight * part.draws)
            for weight, profile in zip(weights, profiles, strict=True)
            for part in profile.item_noise
        ),
        total(profile.document_noise for profile in profiles),
        total(profile.signal_z for profile in profiles),
        total(profile.signal_z_noise for profile in profiles),
    )


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=-1, keepdims=True)
