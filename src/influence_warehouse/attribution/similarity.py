"""Similarity of vectors of documents and items, as two methods use it.

Does not belong here: where vectors come from (`methods.hidden_states`, `methods.embeddings`).
"""

from pathlib import Path

import numpy as np

VECTORS, MEAN = "vectors.npy", "mean.npy"


def similarities(
    documents: np.ndarray, items: np.ndarray, mean: np.ndarray | None, is_cosine: bool = True
) -> np.ndarray:
    """Float32 [documents, items]: products of vectors, after `mean` is subtracted from all.

    A vector of length 0 has no direction, and so no cosine with any other than 0.
    """
    sides = [np.asarray(side, dtype=np.float64) for side in (documents, items)]
    if mean is not None:
        sides = [side - mean for side in sides]
    if is_cosine:
        sides = [_at_unit_length(side) for side in sides]
    return sides[0].astype(np.float32) @ sides[1].astype(np.float32).T


def saved_mean(prepared: Path | None) -> np.ndarray | None:
    """The mean in a method's preparation, if it has one."""
    return None if prepared is None else np.load(prepared / MEAN)


def _at_unit_length(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1.0, lengths)
