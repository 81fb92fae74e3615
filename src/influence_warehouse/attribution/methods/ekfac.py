"""EK-FAC influence functions (Grosse et al., arXiv 2308.03296): the queries' gradients times the
inverse of a Kronecker-factored Fisher matrix, with eigenvalues that a second pass corrects."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import polars as pl

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.gradient_method import GradientMethod
from influence_warehouse.attribution.gradients import Comparison, Projection
from influence_warehouse.attribution.methods import Documents, Preparation
from influence_warehouse.errors import StudyError
from influence_warehouse.lake.folders import made_once
from influence_warehouse.study.methods import Ekfac, Kfac

_FACTORS = "factors"


class Method(GradientMethod):
    """Whole gradients: the factors are of layers, not of projections."""

    is_corrected: ClassVar[bool] = True

    @property
    def projection(self) -> Projection:
        """None."""
        return Projection(0)

    @property
    def settings(self) -> Mapping[str, object]:
        """The damping, which the inverse takes when scores are computed."""
        return {"damping": self._method.damping}

    @property
    def preparation(self) -> Preparation:
        """The documents that factors are fitted on, and whose labels they take."""
        return Preparation(
            self._method.fit_documents_per_bin, (), {"draw_labels": self._method.draw_labels}
        )

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """The factors. Raises StudyError for labels that several processes would draw."""
        gradients, draws = self.gradients(), self._method.draw_labels
        if draws and gradients.compute.processes * gradients.compute.nodes > 1:
            raise StudyError(
                f"attribution.methods.{self._method.name}.draw_labels: of several processes the "
                "drawn labels follow no seed. Remedy: set draw_labels to false, or "
                "compute.processes and compute.nodes to 1."
            )
        with made_once(folder) as scratch, bergson_output_to(gradients.log, "Kronecker factors"):
            rows = self._documents(documents)
            gradients.fit_factors(rows, scratch / _FACTORS, self.is_corrected, draws)

    def comparison(self, prepared: Path | None) -> Comparison:
        """The inverse on the queries' side."""
        assert prepared is not None
        factors = prepared / _FACTORS
        return Comparison(factors, is_corrected=self.is_corrected, damping=self._method.damping)

    @property
    def _method(self) -> Ekfac | Kfac:
        assert isinstance(self._study.method, Ekfac | Kfac)
        return self._study.method
