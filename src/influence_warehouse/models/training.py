"""Training of a causal language model on batches that are given, with documents left out in place.

The one loop that trains the planted model, replays that training, and trains given models on. A
document that is left out keeps its place: batches, order and schedule are as they were, and the
loss of a batch is the sum over the tokens that are kept, divided by the tokens that the batch had
before. So leaving a document out takes its own gradient out of the step's and changes nothing
else; a mean over what is kept would weigh the others up. What follows from the gradient follows:
its length decides whether it is clipped.
Does not belong here: which documents, batches and rates (`planted.training`,
`retraining.training`), and unlearning, whose gradient is another.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from influence_warehouse.errors import HealthError
from influence_warehouse.models.encoding import IGNORED
from influence_warehouse.models.loading import Encoded
from influence_warehouse.models.small import threads_of
from influence_warehouse.progress import counted

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

_BETAS = (0.9, 0.95)
_CLIPPED = 1.0
# What `Trained.loss` is a mean over: long enough to be steady, late enough to be of the end.
_LAST_SHARE = 10


@dataclass(frozen=True)
class Recipe:
    """AdamW with a linear warm-up to `learning_rate` and a cosine decay to zero."""

    learning_rate: float
    warmup_share: float = 0.05
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Course:
    """Which documents a model is trained on, in which batches: the record of a training.

    `batches` holds, step by step, places in `documents`, which are the places of `doc_ids`.
    """

    doc_ids: Sequence[str]
    documents: Sequence[Encoded]
    batches: Sequence[Sequence[int]]
    recipe: Recipe
    pad: int


@dataclass(frozen=True)
class Trained:
    """Of every step the batch's loss, float32 [steps]: the sum over kept tokens by the tokens that
    the batch has with all its documents; and both numbers of tokens."""

    losses: "Tensor"
    n_tokens: Sequence[int]
    n_kept: Sequence[int]

    @property
    def loss(self) -> float | None:
        """Mean over the kept tokens of the last tenth of the steps, in nats; None: there are
        none."""
        first = len(self.n_tokens) - -(-len(self.n_tokens) // _LAST_SHARE)
        sums = zip(self.losses.tolist()[first:], self.n_tokens[first:], strict=True)
        kept = sum(self.n_kept[first:])
        return sum(loss * count for loss, count in sums) / kept if kept else None


def train(
    model: "PreTrainedModel",
    course: Course,
    left_out: Collection[str] = (),
    after_step: Callable[[int, Any, Any], None] = lambda step, model, optimizer: None,
    label: str = "training",
) -> Trained:
    """Train `model` where it is, without the documents whose ids are `left_out`.

    `after_step` is called with the number of steps done, the model and the optimizer. Dropout is
    off. Raises HealthError for a loss that is not finite.
    """
    import torch

    absent = {place for place, doc_id in enumerate(course.doc_ids) if doc_id in left_out}
    optimizer, schedule = _optimizer(model.parameters(), course.recipe, len(course.batches))
    losses: list[Tensor] = []
    counts: list[tuple[int, int]] = []
    model.eval()
    with threads_of(model):
        for done, batch in enumerate(counted(course.batches, label, "steps"), start=1):
            loss, n_tokens, n_kept = _loss(model, course, batch, absent)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIPPED)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.detach())
            counts.append((n_tokens, n_kept))
            after_step(done, model, optimizer)
    of_steps = torch.stack(losses).cpu()
    if not torch.isfinite(of_steps).all():
        step = int((~torch.isfinite(of_steps)).nonzero()[0])
        raise HealthError(
            f"{label}: the loss of step {step} is not finite. Remedy: lower the learning rate."
        )
    return Trained(of_steps, [count for count, _ in counts], [kept for _, kept in counts])


def learning_rates(recipe: Recipe, steps: int) -> list[float]:
    """The rate of each step, first to last."""
    import torch

    optimizer, schedule = _optimizer([torch.nn.Parameter(torch.zeros(1))], recipe, steps)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return rates


def padded(
    documents: Sequence[Encoded], pad: int, absent: Collection[int] = ()
) -> tuple["Tensor", "Tensor"]:
    """Right-padded ids and labels, int64 [documents, tokens]; padding is masked in the labels, and
    so are the documents whose places are `absent`.

    No attention mask is needed: with causal attention no token sees the padding to its right.
    """
    import torch

    width = max(len(document["input_ids"]) for document in documents)
    ids = [document["input_ids"] for document in documents]
    kept = [[] if n in absent else document["labels"] for n, document in enumerate(documents)]
    inputs = [each + [pad] * (width - len(each)) for each in ids]
    labels = [each + [IGNORED] * (width - len(each)) for each in kept]
    return torch.tensor(inputs), torch.tensor(labels)


def _loss(
    model: "PreTrainedModel", course: Course, batch: Sequence[int], absent: Collection[int]
) -> tuple["Tensor", int, int]:
    """Loss of a batch, and the tokens that it predicts with all its documents and with the kept."""
    import torch

    documents = [course.documents[place] for place in batch]
    missing = {row for row, place in enumerate(batch) if place in absent}
    inputs, labels = padded(documents, course.pad, missing)
    predicted = labels[:, 1:].flatten().to(model.device)
    n_tokens = sum(_predicted(document) for document in documents)
    logits = model(input_ids=inputs.to(model.device)).logits[:, :-1].flatten(0, 1).float()
    total = torch.nn.functional.cross_entropy(
        logits, predicted, ignore_index=IGNORED, reduction="sum"
    )
    n_kept = sum(_predicted(each) for row, each in enumerate(documents) if row not in missing)
    return total / max(n_tokens, 1), n_tokens, n_kept


def _predicted(document: Encoded) -> int:
    return sum(label != IGNORED for label in document["labels"][1:])


def _optimizer(
    parameters: "Iterable[torch.nn.Parameter]", recipe: Recipe, steps: int
) -> tuple["torch.optim.Optimizer", "torch.optim.lr_scheduler.LRScheduler"]:
    import torch
    from transformers import get_cosine_schedule_with_warmup

    optimizer = torch.optim.AdamW(
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=_BETAS
    )
    warm_up = int(recipe.warmup_share * steps)
    return optimizer, get_cosine_schedule_with_warmup(optimizer, warm_up, steps)
