"""Automatic learning rate: the size of step that lowers the retain loss most.

After GeN (arXiv 2407.02772), as NGDiff uses it (arXiv 2410.22086): along the step that the
optimizer would take, the retain loss is fitted by a parabola through three points, and the rate
goes to its minimum. The probe works on copies: weights, gradients and the optimizer's moments
are only read. Does not belong here: taking the step (training).
"""

import math
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

MAX_FACTOR = 8.0

LossAt = Callable[[list[Tensor]], float]


def proposed_step(
    optimizer: torch.optim.Optimizer, parameters: list[torch.nn.Parameter]
) -> list[Tensor]:
    """What `optimizer.step()` at rate 1 would subtract from each parameter, by their gradients.

    Runs a copy of the optimizer, with copies of its moments, on copies of the parameters.
    """
    copies = [torch.nn.Parameter(p.detach().clone()) for p in parameters]
    for own, parameter in zip(copies, parameters, strict=True):
        own.grad = None if parameter.grad is None else parameter.grad.clone()
    copy_of = dict(zip(parameters, copies, strict=True))
    groups = [
        {**group, "params": [copy_of[p] for p in group["params"]], "lr": 1.0}
        for group in optimizer.param_groups
        if group["params"]
    ]
    make: Callable[..., torch.optim.Optimizer] = type(optimizer)
    scratch = make(groups)
    for original, own in copy_of.items():
        if original in optimizer.state:
            scratch.state[own] = deepcopy(optimizer.state[original])
    scratch.step()
    return [p.detach() - own.detach() for p, own in zip(parameters, copies, strict=True)]


def fitted_rate(
    loss_at: LossAt, parameters: list[torch.nn.Parameter], step: list[Tensor], rate: float
) -> float:
    """The rate at which a parabola through the losses at -rate, 0 and +rate is lowest.

    `loss_at(values)` is the retain loss with the parameters at `values`. Where the parabola
    opens downwards, the rate doubles if a step lowers the loss; where no step lowers it, the
    rate halves.
    """
    behind, here, ahead = (
        loss_at([p.detach() - factor * rate * u for p, u in zip(parameters, step, strict=True)])
        for factor in (-1, 0, 1)
    )
    slope, curvature = (behind - ahead) / (2 * rate), (ahead - 2 * here + behind) / rate**2
    if slope <= 0 or not math.isfinite(slope) or not math.isfinite(curvature):
        return rate / 2
    return slope / curvature if curvature > 0 else 2 * rate


def bounded(rate: float, initial: float) -> float:
    """`rate` within MAX_FACTOR of where it started."""
    return min(max(rate, initial / MAX_FACTOR), initial * MAX_FACTOR)
