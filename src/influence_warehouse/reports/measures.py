"""The two measures of a region that charts show: support, which leads, and the mean z."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A measure by its columns in the marts of influence.

    `average` is the column of what regions are compared with, None where that is 0; `q_value` that
    of the test that a region differs from it; `order` what regions are ordered by; `digits` the
    format of d3 in which a value is told.
    """

    value: str
    average: str | None
    q_value: str
    order: str
    digits: str

    @property
    def low(self) -> str:
        return f"{self.value}_low"

    @property
    def high(self) -> str:
        return f"{self.value}_high"

    @property
    def columns(self) -> tuple[str, ...]:
        """The value with its interval, test, average and order."""
        names = (self.value, self.low, self.high, self.q_value, self.average, self.order)
        return tuple(dict.fromkeys(name for name in names if name))


SUPPORT = Measure("support", "benchmark_support", "support_q_value", "support_t", ".2f")
Z = Measure("z", None, "q_value", "z", "+.2f")
