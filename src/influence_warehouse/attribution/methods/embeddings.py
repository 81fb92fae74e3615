"""Similarity of vectors that a user brings, of documents and of items; no model is read.

They stand in files of their own, or in the corpus's, which is read again: a column of the fact
`documents` would make all facts of a finished study stale when an embedding is added.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.attribution.similarity import MEAN, VECTORS, saved_mean, write_similarities
from influence_warehouse.attribution.vector_files import VectorFile, write_vectors
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.folders import made_once
from influence_warehouse.study.methods import Embeddings
from influence_warehouse.study.study import Study

_IDS = "documents.parquet"


class Method:
    """Cosines, or products, of vectors of one length."""

    preparation = Preparation()

    def __init__(self, study: Study, lake: Lake) -> None:
        assert isinstance(study.method, Embeddings)
        self._settings = study.method
        self._documents, self._items = vector_files(study.method)

    @property
    def identity(self) -> Mapping[str, object]:
        """Both files' contents, the columns, and how vectors are compared."""
        settings = self._settings
        return {
            "kind": "embeddings",
            "documents_file": self._documents.digest(),
            "items_file": self._items.digest(),
            "columns": [self._documents.columns, self._items.columns],
            "similarity": settings.similarity,
            "centred": settings.centred,
        }

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """Vectors of the sampled documents, checked, with their mean."""
        with made_once(folder) as scratch:
            ids = documents.rows.select("doc_id")
            vectors = write_vectors(self._documents, ids.rows(), scratch / VECTORS)
            ids.write_parquet(scratch / _IDS)
            if self._settings.centred:
                np.save(scratch / MEAN, vectors.mean(axis=0, dtype=np.float64).astype(np.float32))

    def index(self, items: pl.DataFrame, folder: Path) -> None:
        """Vectors of the items, checked."""
        with made_once(folder) as scratch:
            wanted = items.select("benchmark", "item_id").rows()
            write_vectors(self._items, wanted, scratch / VECTORS)

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """Similarities of stored vectors."""
        assert artefacts.prepared is not None and artefacts.index is not None
        queries = np.load(artefacts.index / VECTORS)
        vectors = np.load(artefacts.prepared / VECTORS, mmap_mode="r")
        if vectors.shape[1] != queries.shape[1]:
            raise self._documents.error(
                f"vectors of {vectors.shape[1]} numbers, but those of {self._items.path} have "
                f"{queries.shape[1]}",
                "embed documents and items with one model",
            )
        place_of = pl.read_parquet(artefacts.prepared / _IDS).with_row_index("place")
        places = documents.rows.select("doc_id").join(place_of, "doc_id", maintain_order="left")
        mean = saved_mean(artefacts.prepared) if self._settings.centred else None
        chosen = vectors[places["place"].to_numpy()]
        write_similarities(chosen, queries, mean, write, self._settings.similarity == "cosine")


def vector_files(settings: Embeddings) -> tuple[VectorFile, VectorFile]:
    """The files of documents and of items that a study names."""
    of_documents, of_items = settings.documents, settings.items
    place = f"attribution.methods.{settings.name}"
    return (
        VectorFile(
            f"{place}.documents",
            of_documents.path,
            (of_documents.id_column,),
            of_documents.column,
            "document",
        ),
        VectorFile(
            f"{place}.items",
            of_items.path,
            (of_items.benchmark_column, of_items.id_column),
            of_items.column,
            "item",
        ),
    )
