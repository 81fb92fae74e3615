"""Scores from projected gradients that were stored: no model, no gradient pass.

Correction, unit norm and inner product are those of Bergson's own scorer, block by block.
Does not belong here: making and keeping the gradients (`trackstar`, `scoring`).
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from bergson.config.config import PreprocessConfig, ScoreConfig

_BLOCK_BYTES = 64 << 20


def score_stored_gradients(
    index: Path, score_config: "ScoreConfig", preprocess: "PreprocessConfig", scratch: Path
) -> np.ndarray:
    """Float32 [documents, queries] from the raw projected gradients that Bergson's `build` stored.

    `scratch` is a folder for the file that Bergson's scorer makes and this one leaves empty.
    """
    import torch
    from bergson.data import column_offsets, load_gradients
    from bergson.score.score import create_scorer
    from bergson.score.score_writer import InMemorySequenceScoreWriter
    from bergson.utils.utils import get_device, numpy_to_tensor

    stored = load_gradients(index)
    sizes = json.loads((index / "info.json").read_text(encoding="utf-8"))["grad_sizes"]
    columns = column_offsets(sizes)
    documents: Any = range(len(stored))
    device = torch.device(get_device(0))
    scorer = create_scorer(
        scratch, documents, score_config, preprocess, device=device, dtype=torch.float32
    )
    scores = InMemorySequenceScoreWriter(len(stored), scorer.writer.num_scores)
    scorer.writer = scores
    rows = max(1, _BLOCK_BYTES // (stored.shape[1] * stored.itemsize))
    for start in range(0, len(stored), rows):
        block = numpy_to_tensor(np.array(stored[start : start + rows]))
        gradients = {name: block[:, low:high] for name, (low, high) in columns.items()}
        scorer(list(documents[start : start + rows]), gradients)
    return scores.scores.numpy()
