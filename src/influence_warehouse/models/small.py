"""What is done differently with a model so small that threads and batches do not pay alike.

Belongs here: how small is small. Does not belong here: several processes beside each other
(`pipeline.side_by_side`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from influence_warehouse.lake.layout import Home
from influence_warehouse.models.checkpoints import count_parameters
from influence_warehouse.models.loading import device, model_source
from influence_warehouse.study.study import Study

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
    with _threads(takes_one_thread(model)):
        yield


def is_small(study: Study, home: Home) -> bool:
    """Whether the study's model is small and on a CPU; not asked of a model that is the hub's.

    Raises InputError where the model is not there, or cannot be read.
    """
    source = model_source(study, home)
    if source.revision is not None or device() != "cpu":
        return False
    n_parameters = count_parameters(Path(source.location))
    return n_parameters is not None and n_parameters < _SMALL


@contextmanager
def threads_for(study: Study, home: Home) -> Iterator[None]:
    """torch's threads while the study's method runs: one where it asks a small model on a CPU."""
    asks_model = study.method.needs in ("gradients", "model")
    with _threads(asks_model and is_small(study, home)):
        yield


@contextmanager
def _threads(is_one: bool) -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    if is_one:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
