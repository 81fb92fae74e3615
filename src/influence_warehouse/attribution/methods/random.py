"""The random control: seeded normal noise, which must find nothing.

A score follows from the seed and the names of document, benchmark and item alone, so shards,
batches and further benchmarks change none.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import ndtri

from influence_warehouse.attribution.methods import Artefacts, Documents, Preparation
from influence_warehouse.attribution.rollup import WriteScores
from influence_warehouse.lake.facts import Lake
from influence_warehouse.lake.fingerprint import digest_of
from influence_warehouse.study.study import Study

_BLOCK_DOCUMENTS = 1024


class Method:
    """Independent standard normal scores."""

    preparation = Preparation()

    def __init__(self, study: Study, lake: Lake) -> None:
        self._seed, self._name = study.seed, study.method.name

    @property
    def identity(self) -> Mapping[str, object]:
        """The seed, and the name, so that a study may have several independent controls."""
        return {"kind": "random", "seed": self._seed, "name": self._name}

    def prepare(self, documents: Documents, items: pl.DataFrame, folder: Path) -> None:
        """Nothing is prepared."""

    def index(self, items: pl.DataFrame, folder: Path) -> None:
        """Nothing is stored."""

    def score(
        self, documents: Documents, items: pl.DataFrame, artefacts: Artefacts, write: WriteScores
    ) -> None:
        """Scores that are independent of each other."""
        rows = _numbers([self._seed, self._name, doc_id] for doc_id in documents.rows["doc_id"])
        columns = _numbers(list(key) for key in items.select("benchmark", "item_id").iter_rows())
        for start in range(0, len(rows), _BLOCK_DOCUMENTS):
            block = rows[start : start + _BLOCK_DOCUMENTS]
            bits = _mixed(block[:, None] ^ _mixed(columns)[None, :])
            # The middles of 2^24 equal steps between 0 and 1: neither end, and exact in float64.
            uniform = ((bits >> np.uint64(40)).astype(np.float64) + 0.5) / 2**24
            write(range(start, start + len(block)), ndtri(uniform).astype(np.float32))


def _numbers(names: Iterable[list[object]]) -> np.ndarray:
    return np.array([int(digest_of(name), 16) for name in names], dtype=np.uint64)


def _mixed(values: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): neighbours become unrelated."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
