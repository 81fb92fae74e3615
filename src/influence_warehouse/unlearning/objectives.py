"""Unlearning objectives: losses of documents, and how their gradients become one direction.

Every objective is a forget loss, a retain loss, and a way to join the two gradients after both
have been averaged over a step's documents. So accumulation over parts of a batch changes
nothing, and what is normalized is normalized once.
Belongs here: the formulae. Does not belong here: batches, optimizer, stops (training, stops).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from influence_warehouse.errors import HealthError
from influence_warehouse.models.loading import Encoded
from influence_warehouse.study.unlearning import Unlearning

if TYPE_CHECKING:
    from peft import PeftModel

MASKED = -100
Forward = Callable[..., Any]


@dataclass(frozen=True)
class Losses:
    """Per document: negative log-likelihood of its tokens in nats, and how many they are."""

    nll: Tensor
    tokens: Tensor

    @property
    def per_token(self) -> Tensor:
        """Length-normalized loss of each document, float32 [documents]."""
        return self.nll / self.tokens


def padded(documents: list[Encoded], pad: int) -> dict[str, Tensor]:
    """Ids and labels as int64 [documents, tokens], padded on the right, padding masked.

    No attention mask is needed: with causal attention no token sees the padding to its right.
    """
    width = max(len(document["input_ids"]) for document in documents)
    ids = [d["input_ids"] + [pad] * (width - len(d["input_ids"])) for d in documents]
    labels = [d["labels"] + [MASKED] * (width - len(d["labels"])) for d in documents]
    return {"input_ids": torch.tensor(ids), "labels": torch.tensor(labels)}


def document_losses(forward: Forward, documents: dict[str, Tensor]) -> Losses:
    """Losses of each document under `forward` (a model, or a call like one), in float32."""
    logits = forward(input_ids=documents["input_ids"]).logits.float()
    # Labels move instead of logits, whose copy would be thousands of times larger.
    labels = functional.pad(documents["labels"][:, 1:], (0, 1), value=MASKED)
    nll = functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=MASKED, reduction="none"
    )
    return Losses(nll.view_as(labels).sum(1), (labels != MASKED).sum(1))


def mean_loss(forward: Forward, documents: dict[str, Tensor]) -> Tensor:
    """Mean over documents of the length-normalized loss, nats per token, float32 scalar."""
    return document_losses(forward, documents).per_token.mean()


def npo_loss(model: "PeftModel", documents: dict[str, Tensor], beta: float) -> Tensor:
    """Negative preference optimization, arXiv 2404.05868, equation 3; float32 scalar.

    -(2 / beta) mean over documents of log sigmoid(beta (NLL - NLL_reference)), the NLL summed
    over a document's tokens. The reference is the same model with its adapter disabled. The
    loss falls as documents become less likely, and ever more slowly.
    """
    # The reference comes first: disabling the adapter toggles requires_grad on its weights.
    with torch.no_grad(), model.disable_adapter():
        reference = document_losses(model, documents).nll
    rise = document_losses(model, documents).nll - reference
    return -(2 / beta) * functional.logsigmoid(beta * rise).mean()


def ngdiff(forget: Tensor, retain: Tensor) -> Tensor:
    """Normalized gradient difference, arXiv 2410.22086: g_R / |g_R| - g_F / |g_F|.

    Arguments are flat gradients of the mean losses over all trainable parameters; the result
    is a gradient to descend. Raises HealthError when either is zero or not finite.
    """
    norms = {"forget": forget.norm(), "retain": retain.norm()}
    for name, norm in norms.items():
        if not torch.isfinite(norm) or norm == 0:
            raise HealthError(
                f"the {name} loss has a gradient of norm {norm.item()}, so NGDiff has no "
                "direction. Remedy: lower unlearning.learning_rate, or use float32."
            )
    return retain / norms["retain"] - forget / norms["forget"]


def weighted_sum(forget_weight: float, retain_weight: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Joins gradients as the gradient of the weighted sum of their losses."""
    return lambda forget, retain: forget_weight * forget + retain_weight * retain


@dataclass(frozen=True)
class Objective:
    """A forget loss, and how its gradient and the retain loss's are joined (to be descended)."""

    forget_loss: Callable[["PeftModel", dict[str, Tensor]], Tensor]
    join: Callable[[Tensor, Tensor], Tensor]


def objective_of(settings: Unlearning) -> Objective:
    """The objective of one run's settings. GradDiff: -L_F + alpha L_R; NPO: L_NPO + weight L_R."""
    if settings.objective == "ngdiff":
        return Objective(mean_loss, ngdiff)
    if settings.objective == "graddiff":
        return Objective(mean_loss, weighted_sum(-1.0, settings.graddiff_alpha))
    beta = settings.npo_beta
    join = weighted_sum(1.0, settings.npo_retain_weight)
    return Objective(lambda model, documents: npo_loss(model, documents, beta), join)


class GradientMean:
    """Mean over micro-batches of the forget and the retain gradient, kept apart.

    Micro-batches must be of one size: then the mean over them is the mean over documents.
    """

    def __init__(self, parameters: list[torch.nn.Parameter]):
        self._parameters = parameters
        self._sums: tuple[Tensor, Tensor] | None = None
        self._count = 0

    def add(self, forget_loss: Tensor, retain_loss: Tensor) -> None:
        """Take in one micro-batch's losses; their graphs are freed."""
        new = (self._flat(forget_loss), self._flat(retain_loss))
        self._sums = new if self._sums is None else (self._sums[0] + new[0], self._sums[1] + new[1])
        self._count += 1

    def take(self) -> tuple[Tensor, Tensor]:
        """The two means, flat, and an empty start for the next step."""
        assert self._sums is not None
        forget, retain = (total / self._count for total in self._sums)
        self._sums, self._count = None, 0
        return forget, retain

    def _flat(self, loss: Tensor) -> Tensor:
        gradients = torch.autograd.grad(loss, self._parameters)
        return torch.cat([gradient.float().reshape(-1) for gradient in gradients])


def write_gradient(flat: Tensor, parameters: list[torch.nn.Parameter]) -> None:
    """Put a flat gradient into the parameters' `grad`, where an optimizer reads it."""
    start = 0
    for parameter in parameters:
        part = flat[start : start + parameter.numel()]
        parameter.grad = part.view_as(parameter).to(parameter.dtype)
        start += parameter.numel()
