"""TrackStar (Chang et al., arXiv 2410.17413): corrected gradients, projected, at unit length.

The correction is the inverse root of the documents' second moments, mixed with the queries'.
"""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.gradient_method import GradientMethod
from influence_warehouse.attribution.gradients import Comparison, Projection
from influence_warehouse.attribution.methods import Documents, Preparation
from influence_warehouse.lake.folders import made_once
from influence_warehouse.study.methods import Preconditioner, TrackStar

_OF_DOCUMENTS, _OF_QUERIES, _MIXED = "documents", "queries", "mixed"


class Method(GradientMethod):
    """Inner products of corrected unit gradients of documents and queries."""

    @property
    def projection(self) -> Projection:
        """To dim x dim numbers a layer."""
        return Projection(self._trackstar.projection_dim)

    @property
    def preparation(self) -> Preparation:
        """The preconditioner's documents, the benchmarks that are mixed in, and how."""
        fitted = self._trackstar.preconditioner
        names = fitted.mix_benchmarks
        if fitted.mix_share == 0:
            names = ()
        return Preparation(
            fitted.fit_documents_per_bin,
            tuple(b.name for b in self._study.benchmarks) if names is None else names,
            _mix_settings(fitted),
        )

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """Second moments of documents, mixed with those of the queries if there are any."""
        gradients, fitted = self.gradients(), self._trackstar.preconditioner
        label = "gradients for the preconditioner"
        with made_once(folder) as scratch, bergson_output_to(gradients.log, label):
            gradients.fit_moments(self._documents(documents), scratch / _OF_DOCUMENTS)
            if len(items):
                gradients.fit_moments(self._queries(items), scratch / _OF_QUERIES)
                _mix(scratch, fitted)

    def comparison(self, prepared: Path | None) -> Comparison:
        """Unit length under the mixed second moments, or those of the documents alone."""
        assert prepared is not None
        mixed = prepared / _MIXED
        hessian = mixed if mixed.exists() else prepared / _OF_DOCUMENTS
        return Comparison(hessian, unit_normalize=True)

    @property
    def _trackstar(self) -> TrackStar:
        assert isinstance(self._study.method, TrackStar)
        return self._study.method


def _mix_settings(fitted: Preconditioner) -> Mapping[str, object]:
    if fitted.mix_share is not None:
        return {"mix_share": fitted.mix_share}
    return {"downweight_components": fitted.downweight_components}


def _mix(folder: Path, fitted: Preconditioner) -> None:
    """By Bergson's rule (section A.1.3 of the paper), or with a share that is given."""
    from dataclasses import replace

    from bergson.gradients import GradientProcessor
    from bergson.process_grads import mix_autocorrelation_matrices

    share = fitted.mix_share
    if share is None:
        mix_autocorrelation_matrices(
            query_path=folder / _OF_QUERIES,
            index_path=folder / _OF_DOCUMENTS,
            output_path=folder / _MIXED,
            target_downweight_components=fitted.downweight_components,
        )
        return
    queries = GradientProcessor.load(folder / _OF_QUERIES)
    documents = GradientProcessor.load(folder / _OF_DOCUMENTS)
    mixed = {
        name: share * moments + (1 - share) * documents.hessians[name]
        for name, moments in queries.hessians.items()
    }
    replace(queries, hessians=mixed, hessians_eigen={}).save(folder / _MIXED)
