"""What methods by gradients have in common: identity, queries' index, scores, stored gradients.

A method says which projection, how it is prepared, and how gradients are compared; those that
share a projection share the gradients that one of them stored.
Does not belong here: taking gradients (`gradients`, `gradient_pass`).
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import polars as pl

from influence_warehouse.attribution.bergson_session import bergson_output_to
from influence_warehouse.attribution.gradients import (
    Comparison,
    Gradients,
    Projection,
    gradients_of,
)
from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import Fingerprint, digest_of
from influence_warehouse.lake.folders import made_once
from influence_warehouse.lake.layout import file_name_of
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.loading import Encoded, load_tokenizer, model_source
from influence_warehouse.study.study import Study

_STORED = "document_gradients"


class GradientMethod(ABC):
    """A method whose score compares a document's gradient with a query's."""

    def __init__(self, study: Study, lake: Lake) -> None:
        self._study, self._lake = study, lake

    @property
    @abstractmethod
    def projection(self) -> Projection:
        """How gradients are made small."""

    @abstractmethod
    def comparison(self, prepared: Path | None) -> Comparison:
        """How gradients are compared, with what the method was prepared with."""

    @property
    def settings(self) -> Mapping[str, object]:
        """What scores follow from besides the gradients and the preparation."""
        return {}

    @property
    def preparation(self) -> Preparation:
        """No method needs one unless it says so."""
        return Preparation()

    @property
    def identity(self) -> Mapping[str, object]:
        """The model, how it is read, the projection and Bergson's version, and the settings."""
        return {"kind": self._study.method.kind, **self._gradients_identity, **self.settings}

    @abstractmethod
    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """Fit what gradients are corrected by; called for methods whose section says so."""

    def index(self, items: pl.DataFrame, folder: Path) -> None:
        """Gradients of the queries."""
        gradients = self.gradients()
        with made_once(folder) as scratch, bergson_output_to(gradients.log, "gradients"):
            gradients.index(self._queries(items), scratch)

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """Scores by a gradient pass, or from gradients that were stored."""
        assert artefacts.index is not None
        comparison = self.comparison(artefacts.prepared)
        if self._stores:
            self._score_stored(self._stored(documents), comparison, artefacts.index, write)
            return
        self.gradients().score(self._documents(documents), comparison, artefacts.index, write)

    def gradients(self) -> Gradients:
        """Those of the study's model, ready to be taken."""
        return gradients_of(self._study, self._lake, self.projection)

    @property
    def _gradients_identity(self) -> dict[str, object]:
        study, projection = self._study, self.projection
        return {
            "model_digest": model_source(study, self._lake.home).digest,
            "dtype": study.model.dtype,
            "attention": study.model.attention,
            "max_tokens": study.model.max_tokens,
            "projection_dim": projection.dim,
            "projection_target": projection.target,
            "projection_seed": study.seed,
            "loss": projection.loss,
            "bergson": version("bergson"),
            "tf32": study.attribution.tf32,
        }

    @property
    def _stores(self) -> bool:
        return bool(getattr(self._study.method, "store_gradients", False))

    def _score_stored(
        self, stored: Path, comparison: Comparison, index: Path, write: WriteScores
    ) -> None:
        from influence_warehouse.attribution.gradient_pass import query_scorer, score_stored

        log = self._lake.home.runs / "bergson.log"
        with bergson_output_to(log, "scores of stored gradients"):
            score_stored(stored, query_scorer(comparison, index, self._lake.home.work), write)

    def _stored(self, documents: Documents) -> Path:
        """Folder with the documents' projected gradients, made where there is none.

        It depends on no method, benchmark or preconditioner; what the part stored before is
        removed.
        """
        shard = documents.part.rpartition("|")[2]
        contents = documents.rows.select("doc_id", "content_sha256")
        fingerprint = Fingerprint.of(
            _STORED, **self._gradients_identity, documents=digest_of(contents.rows())
        )
        name = f"{file_name_of(self._study.model.name)}-{self._gradients_name}-{shard}"
        place = self._lake.home.work / _STORED
        folder = place / f"{name}-{fingerprint.digest}"
        if not folder.exists():
            for stale in place.glob(f"{name}-*"):
                shutil.rmtree(stale)
            gradients = self.gradients()
            with made_once(folder) as scratch, bergson_output_to(gradients.log, "gradients"):
                gradients.store(self._documents(documents), scratch)
        return folder

    @property
    def _gradients_name(self) -> str:
        projection = self.projection
        return f"{projection.target}-{projection.dim}-{projection.loss}"

    def _documents(self, documents: Documents) -> list[Encoded]:
        tokenizer = load_tokenizer(self._study, self._lake.home)
        return encode_documents(documents.read(), tokenizer, self._study.model.max_tokens)

    def _queries(self, items: pl.DataFrame) -> list[Encoded]:
        tokenizer = load_tokenizer(self._study, self._lake.home)
        return encode_queries(items, tokenizer, self._study.model.max_tokens)
