"""TrackStar behind the interface: what of its artefacts follows from what, and encoded inputs.

Does not belong here: the gradients themselves (`attribution.trackstar`).
"""

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.trackstar import TrackStar, trackstar_of
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of
from influence_warehouse.lake.layout import file_name_of
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import Encoded, load_tokenizer, model_source
from influence_warehouse.study import methods
from influence_warehouse.study.study import Study


class Method:
    """Inner products of corrected unit gradients of documents and queries."""

    def __init__(self, study: Study, lake: Lake) -> None:
        assert isinstance(study.method, methods.TrackStar)
        self._study, self._lake, self._settings = study, lake, study.method

    @property
    def identity(self) -> Mapping[str, object]:
        """The model, how it is read, the projection and Bergson's version."""
        study = self._study
        return {
            "kind": "trackstar",
            "model_digest": model_source(study, self._lake.home).digest,
            "dtype": study.model.dtype,
            "attention": study.model.attention,
            "max_tokens": study.model.max_tokens,
            "projection_dim": self._settings.projection_dim,
            "projection_seed": study.seed,
            "bergson": version("bergson"),
            "tf32": study.attribution.tf32,
        }

    @property
    def preparation(self) -> Preparation:
        """The preconditioner's documents and the benchmarks that are mixed in."""
        fitted = self._settings.preconditioner
        names = fitted.mix_benchmarks
        return Preparation(
            fitted.fit_documents_per_bin,
            tuple(b.name for b in self._study.benchmarks) if names is None else names,
            {"downweight_components": fitted.downweight_components},
        )

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """The preconditioner: second moments of documents, mixed with those of the queries."""
        encoded, queries = self._documents(documents), self._queries(items)
        self._trackstar().fit_preconditioner(encoded, queries, folder)

    def index(self, items: pl.DataFrame, folder: Path) -> None:
        """Projected gradients of the queries."""
        self._trackstar().index_queries(self._queries(items), folder)

    def score(self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts) -> np.ndarray:
        """Float32 [documents, items], by a gradient pass or from gradients that were stored."""
        assert artefacts.prepared is not None and artefacts.index is not None
        if self._settings.store_gradients:
            stored = self._stored_gradients(documents)
            return self._trackstar().score_stored(stored, artefacts.prepared, artefacts.index)
        return self._trackstar().score(
            self._documents(documents), artefacts.prepared, artefacts.index
        )

    def _stored_gradients(self, documents: Documents) -> Path:
        """Folder with the documents' projected gradients, made where there is none.

        It does not depend on benchmarks or preconditioner; what the part stored before is removed.
        """
        contents = documents.rows.select("doc_id", "content_sha256")
        fingerprint = Fingerprint.of(
            "document_gradients", **self.identity, documents=digest_of(contents.rows())
        )
        place = self._lake.home.work / fingerprint.fact
        name = file_name_of(documents.part)
        folder = place / f"{name}-{fingerprint.digest}"
        if not folder.exists():
            for stale in place.glob(f"{name}-*"):
                shutil.rmtree(stale)
            self._trackstar().store_gradients(self._documents(documents), folder)
        return folder

    def _trackstar(self) -> TrackStar:
        return trackstar_of(self._study, self._lake)

    def _documents(self, documents: Documents) -> list[Encoded]:
        tokenizer = load_tokenizer(self._study, self._lake.home)
        return encode_documents(documents.read(), tokenizer, self._study.model.max_tokens)

    def _queries(self, items: pl.DataFrame) -> list[Encoded]:
        tokenizer = load_tokenizer(self._study, self._lake.home)
        return encode_queries(items, tokenizer, self._study.model.max_tokens)
