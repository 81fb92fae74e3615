"""BM25 (library bm25s) of each query in each document: the baseline that reads no model.

A query is an item's prompt with its right answer, in words. Weights of words and the mean length
of documents are those of the whole sample, so a document's scores do not depend on its shard.
"""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse

from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.folders import made_once
from influence_warehouse.study.methods import Bm25
from influence_warehouse.study.study import Study

_WEIGHTS, _NAMES = "weights.npz", "names.json"
_BLOCK_DOCUMENTS = 1024


class Method:
    """Sums over a query's words of their weight in a document; 0 where none occurs."""

    preparation = Preparation()

    def __init__(self, study: Study, lake: Lake) -> None:
        assert isinstance(study.method, Bm25)
        self._settings = study.method

    @property
    def identity(self) -> Mapping[str, object]:
        """k1, b and the library's version; no model."""
        settings = self._settings
        return {"kind": "bm25", "k1": settings.k1, "b": settings.b, "bm25s": version("bm25s")}

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """The weight of every word in every sampled document, [documents, words], in rows."""
        import bm25s

        with made_once(folder) as scratch:
            fitted = bm25s.BM25(k1=self._settings.k1, b=self._settings.b)
            texts = documents.read()["text"].to_list()
            words_of_texts = bm25s.tokenize(texts, show_progress=False)
            fitted.index(words_of_texts, create_empty_token=False, show_progress=False)
            words = fitted.vocab_dict
            columns = [fitted.scores[name] for name in ("data", "indices", "indptr")]
            weights = sparse.csc_array(tuple(columns), shape=(len(documents.rows), len(words)))
            sparse.save_npz(scratch / _WEIGHTS, weights.tocsr())
            names = {"documents": documents.rows["doc_id"].to_list(), "words": words}
            (scratch / _NAMES).write_text(json.dumps(names), encoding="utf-8")

    def index(self, items: pl.DataFrame, folder: Path) -> None:
        """Nothing is stored: queries are read where they are scored."""

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """What bm25s's `get_scores` gives of the whole sample."""
        assert artefacts.prepared is not None
        names = json.loads((artefacts.prepared / _NAMES).read_text(encoding="utf-8"))
        row_of = {doc_id: row for row, doc_id in enumerate(names["documents"])}
        rows = [row_of[doc_id] for doc_id in documents.rows["doc_id"]]
        weights = sparse.load_npz(artefacts.prepared / _WEIGHTS)[rows]
        counts = _word_counts(items, names["words"], weights.shape[1])
        for start in range(0, len(rows), _BLOCK_DOCUMENTS):
            block = range(start, min(start + _BLOCK_DOCUMENTS, len(rows)))
            scores = (weights[block.start : block.stop] @ counts).todense()
            write(block, np.asarray(scores, dtype=np.float32))


def _word_counts(items: pl.DataFrame, words: Mapping[str, int], size: int) -> sparse.csc_array:
    """How often each query has each word that the sample knows, [words, queries]."""
    import bm25s

    answer = pl.col("choices").list.get(pl.col("answer_index"))
    texts = items.select(pl.concat_str("prompt", answer, separator=" ")).to_series().to_list()
    queries = bm25s.tokenize(texts, return_ids=False, show_progress=False)
    places = [(words[w], n) for n, query in enumerate(queries) for w in query if w in words]
    cells = np.array(places, dtype=np.int64).reshape(-1, 2)
    ones = np.ones(len(cells), dtype=np.float32)
    return sparse.csc_array((ones, (cells[:, 0], cells[:, 1])), shape=(size, len(items)))
