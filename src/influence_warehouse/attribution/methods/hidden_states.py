"""Cosine of the mean hidden states of document and query, in the study's own model.

A query is an item's prompt with its right answer, encoded as for gradients. By default its mean
is over the answer's tokens, which have read the prompt, as a gradient's loss is.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.attribution.similarity import MEAN, VECTORS, saved_mean, write_similarities
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.errors import StudyError
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.folders import made_once
from influence_warehouse.models.encoding import encode_documents
from influence_warehouse.models.hidden_states import float32_products, mean_hidden_states
from influence_warehouse.models.loading import (
    Encoded,
    layer_count,
    load_model,
    load_tokenizer,
    model_source,
)
from influence_warehouse.progress import working
from influence_warehouse.study.methods import HiddenStates
from influence_warehouse.study.study import Study


class Method:
    """Cosines between -1 and 1."""

    def __init__(self, study: Study, lake: Lake) -> None:
        assert isinstance(study.method, HiddenStates)
        self._study, self._lake, self._settings = study, lake, study.method

    @property
    def identity(self) -> Mapping[str, object]:
        """The model, how it is read, the layer, and the versions of what runs it."""
        study, settings = self._study, self._settings
        return {
            "kind": "hidden_states",
            "model_digest": model_source(study, self._lake.home).digest,
            "dtype": study.model.dtype,
            "attention": study.model.attention,
            "max_tokens": study.model.max_tokens,
            "tf32": study.attribution.tf32,
            "layer": settings.layer,
            "tokens": settings.tokens,
            "centred": settings.centred,
            "transformers": version("transformers"),
            # Without what follows a plus: builds of one version for other hardware are one.
            "torch": version("torch").partition("+")[0],
        }

    @property
    def preparation(self) -> Preparation:
        """The documents that the mean is of."""
        return Preparation(self._settings.fit_documents_per_bin)

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """The mean of documents, which nearly all of the model's states share."""
        with made_once(folder) as scratch:
            mean = self._of_documents(documents).mean(axis=0, dtype=np.float64)
            np.save(scratch / MEAN, mean.astype(np.float32))

    def index(self, items: pl.DataFrame, folder: Path) -> None:
        """Mean hidden states of the queries, as they are."""
        with made_once(folder) as scratch:
            tokenizer = load_tokenizer(self._study, self._lake.home)
            queries = encode_queries(items, tokenizer, self._study.model.max_tokens)
            np.save(scratch / VECTORS, self._states(queries))

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """Similarities of one forward pass over the documents."""
        assert artefacts.index is not None
        queries = np.load(artefacts.index / VECTORS)
        mean = saved_mean(artefacts.prepared)
        write_similarities(self._of_documents(documents), queries, mean, write)

    def _of_documents(self, documents: Documents) -> np.ndarray:
        tokenizer = load_tokenizer(self._study, self._lake.home)
        texts = encode_documents(documents.read(), tokenizer, self._study.model.max_tokens)
        return self._states(texts)

    def _states(self, rows: Sequence[Encoded]) -> np.ndarray:
        layer, attribution = read_layer(self._study, self._lake), self._study.attribution
        with working("loading the model"):
            model = load_model(self._study, self._lake.home)
        with float32_products(rounded=attribution.tf32):
            return mean_hidden_states(
                model, rows, layer, attribution.batch_tokens, self._settings.tokens == "answer"
            )


def read_layer(study: Study, lake: Lake) -> int:
    """The layer that a study narrowed to one model and method reads.

    Raises StudyError where the model has no such layer.
    """
    assert isinstance(study.method, HiddenStates)
    layer, last = study.method.layer, layer_count(study, lake.home)
    if layer is None:
        return last // 2
    if not -last - 1 <= layer <= last:
        raise StudyError(
            f"attribution.methods.{study.method.name}.layer: the model {study.model.name} "
            f"({model_source(study, lake.home).location}) has no layer {layer}. Remedy: set it to "
            f"0 (embeddings) to {last}, or count from the end, -1 to {-last - 1}."
        )
    return layer
