"""What is done differently with a model so small that threads and batches do not pay alike.

Belongs here: how small is small. Does not belong here: several runs beside each other
(`pipeline.side_by_side`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# On a CPU batches pay for small models alone: 240 items of the demo's model of 1.2 million
# parameters took 0.9 core-seconds in batches of 32, 1.6 in score_items' own batches of 4.
# Threads do not: a run of the demo took 10 core-seconds with one, 13 with two.
_SMALL, _CHOICES_AT_ONCE = 20_000_000, 32


def choices_at_once(model: "PreTrainedModel") -> int | None:
    """Batch size of `score_items` for a model that a run has changed; None: its own."""
    return _CHOICES_AT_ONCE if model.num_parameters() < _SMALL else None


def takes_one_thread(model: "PreTrainedModel") -> bool:
    """Whether a run of this model takes one thread, on whatever machine, for the same bytes."""
    return model.device.type == "cpu" and model.num_parameters() < _SMALL


@contextmanager
def threads_of(model: "PreTrainedModel") -> Iterator[None]:
    """torch's threads while a run of this model is made: one, or as many as there were."""
    import torch

    threads = torch.get_num_threads()
    if takes_one_thread(model):
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
