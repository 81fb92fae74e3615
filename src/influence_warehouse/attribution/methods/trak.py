"""TRAK (Park et al., arXiv 2303.14186) at one checkpoint: gradients of the log odds, projected by
one random matrix, times the inverse of their Gram matrix, weighted by how unsure the model is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.gradient_method import GradientMethod
from influence_warehouse.attribution.gradients import Comparison, Projection
from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.lake.folders import made_once
from influence_warehouse.study.methods import Trak

if TYPE_CHECKING:
    from torch import Tensor

_GRAM = "gram"


class Method(GradientMethod):
    """Scores are those of Bergson's `trak`, but for a constant factor that ranks nothing."""

    @property
    def projection(self) -> Projection:
        """One vector of all layers."""
        return Projection(self._trak.projection_dim, "global", "log_odds")

    @property
    def settings(self) -> dict[str, object]:
        """The damping, which the inverse takes when scores are computed."""
        return {"damping": self._trak.damping}

    @property
    def preparation(self) -> Preparation:
        """The documents whose gradients the Gram matrix is of."""
        return Preparation(self._trak.fit_documents_per_bin)

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """The Gram matrix of the documents' projected gradients."""
        gradients = self.gradients()
        with made_once(folder) as scratch, bergson_output_to(gradients.log, "Gram matrix"):
            gradients.fit_moments(self._documents(documents), scratch / _GRAM)

    def comparison(self, prepared: Path | None) -> Comparison:
        """The inverse on the queries' side."""
        assert prepared is not None
        return Comparison(prepared / _GRAM, damping=self._trak.damping)

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """Scores times 1 - p, p the mean probability of a document's own tokens."""
        import torch

        from influence_warehouse.attribution.gradient_pass import kept_model

        gradients = self.gradients()
        with bergson_output_to(gradients.log, "probabilities"):
            unsure = 1 - kept_model(gradients).label_probabilities(self._documents(documents))

        def weighted(rows: Sequence[int], scores: "np.ndarray | Tensor") -> None:
            block = torch.as_tensor(scores)
            weights = torch.as_tensor(unsure[np.asarray(rows)], device=block.device)
            write(rows, block * weights[:, None])

        super().score(documents, items, artefacts, weighted)

    @property
    def _trak(self) -> Trak:
        assert isinstance(self._study.method, Trak)
        return self._study.method
