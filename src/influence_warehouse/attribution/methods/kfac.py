"""K-FAC influence functions: as EK-FAC, with the eigenvalues of the factors themselves."""

from typing import ClassVar

from influence_warehouse.attribution.methods import ekfac


class Method(ekfac.Method):
    """One pass less than EK-FAC, and a coarser curvature."""

    is_corrected: ClassVar[bool] = False
