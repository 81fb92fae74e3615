"""What unlearning runs say about damage, with the forget set as the unit of every error.

Runs of several seeds that forget the same documents tell about one set: their values are averaged
first. A random condition draws several sets in a region; an influence condition has one, so its own
spread cannot be seen, and that of the random sets of the same region stands for it:

    one set x beside m random sets y: error of x - mean(y) = s sqrt(1 + 1/m), m - 1 degrees,

s being the standard deviation of y. Under the null that x is one more random set this is exact
for normal values, whatever the regions' means and spreads are. What is averaged over regions adds
independent variances; degrees of freedom then are Satterthwaite's.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from influence_warehouse.warehouse.estimate import Estimate

# The condition whose sets show how much sets differ where a condition has one set in a region.
CONTROLS = {"influence_in_topic": "random_in_topic", "influence_global": "random_global"}
# In place of a region: no region, or the mean over a benchmark's regions.
ALL = "all"
# Damages that are equal must have no spread: accuracies are sums of fractions that do not end in
# binary. Far below any damage that means something.
_DECIMALS = 12

# One value for each forget set of a condition in a region, float64 [sets].
Sets = dict[tuple[str, str], np.ndarray]


def sets_of(runs: pl.DataFrame) -> Sets:
    """Values of the forget sets, from a row a run: condition, region, set_number, seed, value."""
    place = ["condition", "region", "set_number"]
    means = runs.sort("seed").group_by(place, maintain_order=True).agg(pl.col("value").mean())
    return {
        (str(condition), str(region)): group["value"].to_numpy().round(_DECIMALS)
        for (condition, region), group in means.sort(place).group_by(place[:2])
    }


def regions_of(sets: Sets, condition: str) -> list[str]:
    """Regions in which the condition has sets, in order."""
    return sorted(region for name, region in sets if name == condition)


def in_region(sets: Sets, condition: str, region: str) -> Estimate:
    """Mean over a condition's sets in one region."""
    own = sets[condition, region]
    return Estimate(float(own.mean()), _spread(sets, condition, region, 1 / len(own)))


def over_regions(sets: Sets, condition: str) -> Estimate:
    """The mean over regions of the means of their sets."""
    return mean_of([in_region(sets, condition, name) for name in regions_of(sets, condition)])


def beyond_control(sets: Sets, condition: str, region: str) -> Estimate:
    """An influence condition's set minus the mean of the random sets of the same region."""
    control = sets[CONTROLS[condition], region]
    value = sets[condition, region].mean() - control.mean()
    return Estimate(float(value), _spread(sets, condition, region, 1 + 1 / len(control)))


def minus(a: Estimate, b: Estimate) -> Estimate:
    """The difference of two independent estimates."""
    return Estimate(a.value - b.value, a.parts + b.parts if a.parts and b.parts else ())


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of independent estimates."""
    count = len(estimates)
    parts = [(v / count**2, df) for each in estimates for v, df in each.parts]
    known = all(each.parts for each in estimates)
    return Estimate(sum(each.value for each in estimates) / count, tuple(parts) if known else ())


def between_methods(a: Sets, b: Sets, condition: str) -> Estimate:
    """A condition's damage over the regions that one method chose minus that over another's.

    A region that both chose has its random sets in common, so what those show of its spread is
    one part, with the degrees of freedom of the fewer sets. That its two sets may share documents
    is not counted: they differ less than two sets that are drawn apart.
    """
    sides = (a, b)
    value = over_regions(a, condition).value - over_regions(b, condition).value
    weights = [1 / len(regions_of(side, condition)) ** 2 for side in sides]
    parts = []
    for region in sorted({*regions_of(a, condition), *regions_of(b, condition)}):
        found = [
            _spread(side, condition, region, weight)
            for side, weight in zip(sides, weights, strict=True)
            if (condition, region) in side
        ]
        if not all(found):
            return Estimate(value)
        own = [part for each in found for part in each]
        parts.append((sum(variance for variance, _ in own), min(df for _, df in own)))
    return Estimate(value, tuple(parts))


def of_sample(values: Sequence[float]) -> Estimate:
    """The mean of a sample, its error from the sample's own spread."""
    sample = np.array(values).round(_DECIMALS)
    count = len(sample)
    parts = ((float(sample.var(ddof=1)) / count, count - 1.0),) if count > 1 else ()
    return Estimate(float(sample.mean()), parts)


def _spread(
    sets: Sets, condition: str, region: str, share: float
) -> tuple[tuple[float, float], ...]:
    """`share` of the variance between the sets that show the condition's spread, as one part."""
    sample = sets.get((CONTROLS.get(condition, condition), region), np.empty(0))
    if len(sample) < 2:
        return ()
    return ((float(sample.var(ddof=1)) * share, len(sample) - 1.0),)
