"""Norms and rotary embeddings as compiled kernels, where a model runs on CUDA.

Each is a dozen small kernels in plain torch; of a large model they take a third of a pass.
Products of matrices gain nothing and stay as they are, with Bergson's hooks on them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from influence_warehouse.errors import HealthError

if TYPE_CHECKING:
    from torch import Tensor, nn

# Endings of the names that transformers gives to these classes, whatever the model.
_COMPILED = ("RMSNorm", "RotaryEmbedding")
# Measured on an H200 in bfloat16: .9998 with eager scores, as batches of another size have .9999.
LEAST_CORRELATION = 0.999


def compile_small_parts(model: "nn.Module", backend: str = "inductor") -> int:
    """Compile norms and rotary embeddings in place, for any shape; how many there were."""
    parts = list(_small_parts(model))
    for part in parts:
        part.compile(dynamic=True, backend=backend)
    return len(parts)


def require_same_scores(compiled: "Tensor", plain: "Tensor") -> None:
    """Raise HealthError unless both, [rows, queries], are alike up to rounding."""
    pair = np.stack([scores.double().cpu().numpy().ravel() for scores in (compiled, plain)])
    correlation = float(np.corrcoef(pair)[0, 1])
    if not correlation >= LEAST_CORRELATION:
        raise HealthError(
            f"scores of the first batch with compiled norms correlate with those without at "
            f"{correlation:.4f}, under {LEAST_CORRELATION}. Remedy: set compute.compile to false."
        )


def _small_parts(model: "nn.Module") -> Iterator["nn.Module"]:
    return (part for part in model.modules() if type(part).__name__.endswith(_COMPILED))
