"""Cosines of gradients: inner products in which every document and query has unit length."""

from pathlib import Path

from influence_warehouse.attribution.gradients import Comparison
from influence_warehouse.attribution.methods import gradient_dot


class Method(gradient_dot.Method):
    """Gradients at unit length."""

    def comparison(self, prepared: Path | None) -> Comparison:
        """No correction."""
        return Comparison(unit_normalize=True)
