"""Inner products of gradients, as TracIn takes them at one checkpoint (Pruthi et al., 2020)."""

from pathlib import Path

import polars as pl

from influence_warehouse.attribution.gradient_method import GradientMethod
from influence_warehouse.attribution.gradients import Comparison, Projection
from influence_warehouse.attribution.methods import Documents
from influence_warehouse.study.methods import GradientCosine, GradientDot


class Method(GradientMethod):
    """Gradients as they are: long documents and large losses weigh more."""

    @property
    def projection(self) -> Projection:
        """To dim x dim numbers a layer."""
        method = self._study.method
        assert isinstance(method, GradientDot | GradientCosine)
        return Projection(method.projection_dim)

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """Nothing is prepared."""

    def comparison(self, prepared: Path | None) -> Comparison:
        """No correction, no norm."""
        return Comparison()
