"""The automatic learning rate: where it lands, and that probing leaves everything as it was."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from influence_warehouse.unlearning.rates import bounded, fitted_rate, proposed_step
from tests.unlearning_world import gradient_of


def one_parameter(value: float = 0.0) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.tensor([value], dtype=torch.float64))]


@given(st.floats(0.01, 10), st.floats(0.01, 10), st.floats(1e-3, 1))
def test_on_a_parabola_the_rate_is_at_its_minimum(lowest, curvature, rate):
    def loss(values):
        return 0.5 * curvature * (values[0].item() + lowest) ** 2

    step = [torch.ones(1, dtype=torch.float64)]
    assert fitted_rate(loss, one_parameter(), step, rate) == pytest.approx(lowest, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda x: x, 0.2),  # falls along the step without an end: double
        (lambda x: -((x - 1) ** 2), 0.2),  # falls, opens downwards: double
        (lambda x: -x, 0.05),  # rises along the step: halve
        (lambda x: (x - 1) ** 2, 0.05),
        (lambda x: float("nan"), 0.05),
    ],
)
def test_without_a_minimum_ahead_the_rate_doubles_or_halves(loss, expected):
    step = [torch.ones(1, dtype=torch.float64)]
    found = fitted_rate(lambda values: loss(values[0].item()), one_parameter(), step, 0.1)
    assert found == pytest.approx(expected)


def test_the_rate_stays_near_its_start():
    assert bounded(1e9, 0.01) == pytest.approx(0.08)
    assert bounded(1e-9, 0.01) == pytest.approx(0.00125)
    assert bounded(0.02, 0.01) == 0.02


def stepped_adamw() -> tuple[torch.optim.Optimizer, list[torch.nn.Parameter]]:
    """AdamW after three steps, with a fresh gradient and an idle parameter group."""
    torch.manual_seed(1)
    parameters = [torch.nn.Parameter(torch.randn(3, 2)), torch.nn.Parameter(torch.randn(4))]
    groups = [{"params": parameters, "weight_decay": 0.0}, {"params": [], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.01)
    for _ in range(3):
        for parameter in parameters:
            parameter.grad = torch.randn_like(parameter)
        optimizer.step()
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    return optimizer, parameters


def test_the_proposed_step_is_the_optimizers_and_touches_nothing():
    optimizer, parameters = stepped_adamw()
    weights = [p.detach().clone() for p in parameters]
    gradients = [gradient_of(p).clone() for p in parameters]
    state = copy.deepcopy(optimizer.state_dict())
    step = proposed_step(optimizer, parameters)
    after = optimizer.state_dict()
    assert after["param_groups"] == state["param_groups"]
    for index, moments in state["state"].items():
        for name, value in moments.items():
            assert torch.equal(after["state"][index][name], value), name
    for parameter, weight, gradient in zip(parameters, weights, gradients, strict=True):
        assert torch.equal(parameter, weight)
        assert torch.equal(gradient_of(parameter), gradient)
    optimizer.step()
    for parameter, weight, change in zip(parameters, weights, step, strict=True):
        torch.testing.assert_close(parameter.detach(), weight - 0.01 * change)
