"""An estimate whose error adds up from independent parts: what runs of models are judged by.

Does not belong here: what the parts are (`unlearning.estimates`, `retraining.grading`), and errors
of resamples (`intervals`).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from influence_warehouse.warehouse.intervals import satterthwaite, t_half


@dataclass(frozen=True)
class Estimate:
    """A value and the independent parts of its error, each (variance, degrees of freedom).

    No parts: nothing shows how much the value would differ with other sets.
    """

    value: float
    parts: tuple[tuple[float, float], ...] = ()

    @property
    def standard_error(self) -> float | None:
        variance = sum(variance for variance, _ in self.parts)
        return float(np.sqrt(variance)) if variance > 0 else None

    @property
    def degrees_of_freedom(self) -> float | None:
        """Satterthwaite's, those of the one part where there is one."""
        if self.standard_error is None:
            return None
        return float(satterthwaite(self.parts))

    @property
    def interval(self) -> tuple[float, float] | tuple[None, None]:
        """95 %, by Student's t."""
        error, freedom = self.standard_error, self.degrees_of_freedom
        if error is None or freedom is None:
            return None, None
        half = float(t_half(freedom)) * error
        return self.value - half, self.value + half

    @property
    def two_sided(self) -> tuple[float, float] | tuple[None, None]:
        """t and two-sided p that the value is 0."""
        t, p = self.test
        return (None, None) if t is None or p is None else (t, 2 * min(p, 1 - p))

    @property
    def test(self) -> tuple[float, float] | tuple[None, None]:
        """t and one-sided p that the value is above 0."""
        if self.standard_error is None:
            return None, None
        t = self.value / self.standard_error
        return t, float(stats.t.sf(t, self.degrees_of_freedom))
