"""Similarity of vectors of documents and items, as two methods use it.

Does not belong here: where vectors come from (`methods.hidden_states`, `methods.embeddings`).
"""

from pathlib import Path

import numpy as np

from influence_warehouse.attribution.rollup import WriteScores

VECTORS, MEAN = "vectors.npy", "mean.npy"
_BLOCK_DOCUMENTS = 1024


def write_similarities(
    documents: np.ndarray,
    items: np.ndarray,
    mean: np.ndarray | None,
    write: WriteScores,
    is_cosine: bool = True,
) -> None:
    """Give `write` products of vectors, in blocks, after `mean` is subtracted from all.

    A vector of length 0 has no direction, and so no cosine with any other than 0.
    """
    queries = _directions(items, mean, is_cosine).T
    for start in range(0, len(documents), _BLOCK_DOCUMENTS):
        block = documents[start : start + _BLOCK_DOCUMENTS]
        rows = range(start, start + len(block))
        write(rows, _directions(block, mean, is_cosine) @ queries)


def _directions(vectors: np.ndarray, mean: np.ndarray | None, is_cosine: bool) -> np.ndarray:
    vectors = np.asarray(vectors, dtype=np.float64)
    if mean is not None:
        vectors = vectors - mean
    if is_cosine:
        vectors = _at_unit_length(vectors)
    return vectors.astype(np.float32)


def saved_mean(prepared: Path | None) -> np.ndarray | None:
    """The mean in a method's preparation, if it has one."""
    return None if prepared is None else np.load(prepared / MEAN)


def _at_unit_length(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1.0, lengths)
