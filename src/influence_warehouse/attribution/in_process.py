"""Scoring in this process without what Bergson would do again for every shard.

Two things cost more than they need to: the preconditioner's inverse root is an eigenvalue problem
per module, the same for all shards; and scores are written field by field into a file that is read
back at once. Here the root is kept in a file and the scores stay in memory; the arithmetic is
Bergson's own. Does not belong here: the order of the stages (`trackstar`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from influence_warehouse.facts import write_atomically

if TYPE_CHECKING:
    from bergson.hessians.preconditioner import DensePreconditioner
    from bergson.score.score_writer import InMemorySequenceScoreWriter

_INVERSE_ROOT = "inverse_root.safetensors"
_BLOCK_BYTES = 64 << 20


def inverse_root(hessian: Path, device: object = "cpu") -> "DensePreconditioner":
    """H^(-1/2) of each module, float32: read from the file beside H, which is made if missing."""
    from bergson.hessians.preconditioner import DensePreconditioner, load_preconditioner
    from safetensors.torch import load_file, save_file

    file = hessian / _INVERSE_ROOT
    if not file.exists():
        computed = load_preconditioner(hessian, power=-0.5, device=str(device))
        assert isinstance(computed, DensePreconditioner)
        roots = {name: root.cpu().contiguous() for name, root in computed.h_inv.items()}
        write_atomically(file, lambda part: save_file(roots, part))
    return DensePreconditioner(load_file(file, device=str(device)))


@contextlib.contextmanager
def scoring_in_process() -> Iterator[list["InMemorySequenceScoreWriter"]]:
    """Within the block Bergson's scorer uses the kept inverse root and leaves its scores here.

    The list takes one writer per scorer that is created; `writer.scores` is [documents, queries].
    Holds for scorers of unit-normalized gradients in this very process.
    """
    import bergson.score.score as scoring
    from bergson.score.score_writer import InMemorySequenceScoreWriter

    writers: list[InMemorySequenceScoreWriter] = []

    def load(hessian_path: str, *, device: object, **_: Any) -> "DensePreconditioner":
        return inverse_root(Path(hessian_path), device)

    def writer(_: Path, documents: int, queries: int, dtype: Any) -> InMemorySequenceScoreWriter:
        writers.append(InMemorySequenceScoreWriter(documents, queries, dtype))
        return writers[-1]

    replaced = {"load_preconditioner": load, "MemmapSequenceScoreWriter": writer}
    own = {name: getattr(scoring, name) for name in replaced}
    try:
        for name, function in replaced.items():
            setattr(scoring, name, function)
        yield writers
    finally:
        for name, function in own.items():
            setattr(scoring, name, function)


def score_stored_gradients(index: Path, score_config: Any, preprocess: Any) -> np.ndarray:
    """Float32 [documents, queries] from the raw projected gradients that Bergson's `build` stored.

    Correction, unit norm and inner product are those of Bergson's scorer, block by block.
    """
    import json

    import torch
    from bergson.data import column_offsets, load_gradients
    from bergson.score.score import create_scorer
    from bergson.utils.utils import get_device, numpy_to_tensor

    stored = load_gradients(index)
    sizes = json.loads((index / "info.json").read_text(encoding="utf-8"))["grad_sizes"]
    columns = column_offsets(sizes)
    rows = max(1, _BLOCK_BYTES // (stored.shape[1] * stored.itemsize))
    with scoring_in_process() as writers:
        documents: Any = range(len(stored))
        device = torch.device(get_device(0))
        scorer = create_scorer(
            index, documents, score_config, preprocess, device=device, dtype=torch.float32
        )
        for start in range(0, len(stored), rows):
            block = numpy_to_tensor(np.array(stored[start : start + rows]))
            gradients = {name: block[:, low:high] for name, (low, high) in columns.items()}
            scorer(list(documents[start : start + rows]), gradients)
        return writers[-1].scores.numpy()
