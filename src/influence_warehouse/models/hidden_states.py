"""What a model holds of texts: the mean of a layer's hidden states over their tokens.

Batches are of like length, and nothing is read from padding, so that which texts stand in a batch
changes a mean by rounding alone. Does not belong here: what means are compared with (attribution).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from influence_warehouse.models.encoding import IGNORED
from influence_warehouse.models.loading import Encoded
from influence_warehouse.progress import working

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def mean_hidden_states(
    model: "PreTrainedModel",
    rows: Sequence[Encoded],
    layer: int,
    batch_tokens: int,
    of_loss: bool = False,
) -> np.ndarray:
    """Float32 [rows, hidden size], the mean over each text's tokens after the first.

    `layer` indexes what transformers calls hidden_states: 0 are the embeddings, -1 is the last.
    A batch holds at most `batch_tokens`, padding included, or one text. `of_loss`: of the tokens
    that have a loss alone, an answer's or a completion's.

    The first token is left out: it has seen nothing, and in pretrained models it is an attention
    sink (in the middle of SmolLM2-135M its norm is 150 times that of the others), with which all
    means point the same way. A text of one token has no other.
    """
    import torch

    means = np.empty((len(rows), model.config.get_text_config().hidden_size), dtype=np.float32)
    with working("hidden states", len(rows), "texts") as activity, torch.inference_mode():
        for batch in batches_by_length([len(row["input_ids"]) for row in rows], batch_tokens):
            texts = [rows[i] for i in batch]
            ids, mask, counted = (side.to(model.device) for side in _padded(texts, of_loss))
            # The body alone: logits over a vocabulary would take most of the memory.
            body: Any = model.base_model
            told = body(
                input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False
            )
            means[batch] = _means(told.hidden_states[layer], counted).cpu().numpy()
            activity.advance(len(batch))
    return means


def batches_by_length(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Positions in batches, longest first, so that memory is at its peak in the first one."""
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


@contextmanager
def float32_products(rounded: bool) -> Iterator[None]:
    """Within the block GPUs that can round the factors of float32 products to TensorFloat-32,
    or do not; what torch was set to before is put back."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if rounded else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _padded(
    texts: Sequence[Encoded], of_loss: bool
) -> tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]:
    """Token ids, padded on the right, which of them are the text's, and which a mean is over."""
    import torch

    longest = max(len(text["input_ids"]) for text in texts)
    ids, mask, counted = np.zeros((3, len(texts), longest), dtype=np.int64)
    for place, text in enumerate(texts):
        length = len(text["input_ids"])
        ids[place, :length] = text["input_ids"]
        mask[place, :length] = 1
        counted[place, 1:length] = 1
        if of_loss:
            counted[place, :length] &= np.array(text["labels"]) != IGNORED
        if not counted[place].any():
            counted[place, length - 1] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask), torch.from_numpy(counted)


def _means(states: "torch.Tensor", counted: "torch.Tensor") -> "torch.Tensor":
    # What stands elsewhere, as at padding, is not read, be it a number or not.
    kept = states.float().masked_fill(counted.unsqueeze(-1) == 0, 0.0)
    return kept.sum(1) / counted.sum(1, keepdim=True)
