"""Each objective against its formula, with autograd by hand on a tiny adapted model."""

import math

import pytest
import torch
from transformers import AutoModelForCausalLM

from influence_warehouse.errors import HealthError
from influence_warehouse.unlearning.objectives import (
    GradientMean,
    document_losses,
    mean_loss,
    ngdiff,
    npo_loss,
    objective_of,
    padded,
    write_gradient,
)
from influence_warehouse.unlearning.training import with_adapter
from tests.unlearning_world import gradient_of, run_data, settings_of

DATA = run_data()
FORGET, RETAIN = padded(DATA.forget, DATA.pad), padded(DATA.retain, DATA.pad)


@pytest.fixture(scope="module")
def adapted(tiny_model):
    """The tiny model with an adapter that already changes it."""
    base = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    model = with_adapter(base, settings_of().lora, seed=1)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in trained(model):
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


def trained(model) -> list[torch.nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def summed_nll(model, document) -> torch.Tensor:
    """Negative log-likelihood of one unpadded document, token by token."""
    ids = document["input_ids"]
    logits = model(input_ids=torch.tensor([ids])).logits[0]
    steps = [torch.log_softmax(logits[t], 0)[ids[t + 1]] for t in range(len(ids) - 1)]
    return -torch.stack(steps).sum()


def by_hand(model, documents) -> torch.Tensor:
    """Mean over documents of the loss per predicted token."""
    each = [summed_nll(model, d) / (len(d["input_ids"]) - 1) for d in documents]
    return torch.stack(each).mean()


def flat_gradient(loss: torch.Tensor, model) -> torch.Tensor:
    return torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, trained(model))])


def step_gradient(model, settings, parts: int = 1) -> torch.Tensor:
    """What the code makes of one step whose batch comes in `parts` micro-batches."""
    objective, mean = objective_of(settings), GradientMean(trained(model))
    size = len(DATA.forget) // parts
    for start in range(0, len(DATA.forget), size):
        forget = padded(DATA.forget[start : start + size], DATA.pad)
        retain = padded(DATA.retain[start : start + size], DATA.pad)
        mean.add(objective.forget_loss(model, forget), mean_loss(model, retain))
    write_gradient(objective.join(*mean.take()), trained(model))
    return torch.cat([gradient_of(parameter).reshape(-1) for parameter in trained(model)])


def test_losses_are_sums_over_predicted_tokens_whatever_the_padding(adapted):
    with torch.no_grad():
        losses = document_losses(adapted, FORGET)
        expected = torch.stack([summed_nll(adapted, document) for document in DATA.forget])
    assert losses.tokens.tolist() == [len(d["input_ids"]) - 1 for d in DATA.forget]
    torch.testing.assert_close(losses.nll, expected, rtol=1e-5, atol=1e-4)


def test_ngdiff_is_the_difference_of_unit_gradients(adapted):
    forget = flat_gradient(by_hand(adapted, DATA.forget), adapted)
    retain = flat_gradient(by_hand(adapted, DATA.retain), adapted)
    expected = retain / retain.norm() - forget / forget.norm()
    torch.testing.assert_close(
        step_gradient(adapted, settings_of()), expected, rtol=1e-4, atol=1e-6
    )


def test_ngdiff_raises_forget_loss_and_lowers_retain_loss(adapted):
    forget = flat_gradient(mean_loss(adapted, FORGET), adapted)
    retain = flat_gradient(mean_loss(adapted, RETAIN), adapted)
    step = -ngdiff(forget, retain)
    assert step @ forget > 0
    assert step @ retain < 0


def test_ngdiff_does_not_depend_on_the_scale_of_either_loss():
    forget, retain = torch.randn(50), torch.randn(50)
    torch.testing.assert_close(ngdiff(1000 * forget, 0.01 * retain), ngdiff(forget, retain))


@pytest.mark.parametrize(
    ("forget", "retain", "name"),
    [(0.0, 1.0, "forget"), (1.0, 0.0, "retain"), (math.nan, 1.0, "forget"), (1.0, math.inf, "ret")],
)
def test_ngdiff_without_a_direction_is_an_error(forget, retain, name):
    with pytest.raises(HealthError, match=rf"the {name}.*Remedy"):
        ngdiff(torch.full((3,), forget), torch.full((3,), retain))


@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_graddiff_is_the_gradient_of_its_weighted_loss(adapted, alpha):
    loss = -by_hand(adapted, DATA.forget) + alpha * by_hand(adapted, DATA.retain)
    settings = settings_of(objectives=["graddiff"], graddiff_alpha=alpha)
    expected = flat_gradient(loss, adapted)
    torch.testing.assert_close(step_gradient(adapted, settings), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_npo_follows_its_formula_with_the_untouched_model_as_reference(adapted, tiny_model, weight):
    beta, reference = 0.1, AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    ratios = []
    for document in DATA.forget:
        with torch.no_grad():
            before = summed_nll(reference, document)
        # log(pi_theta / pi_reference) of the whole document.
        ratios.append(before - summed_nll(adapted, document))
    npo = -(2 / beta) * torch.stack([torch.log(torch.sigmoid(-beta * r)) for r in ratios]).mean()
    torch.testing.assert_close(npo_loss(adapted, FORGET, beta), npo, rtol=1e-4, atol=1e-4)
    expected = flat_gradient(npo + weight * by_hand(adapted, DATA.retain), adapted)
    settings = settings_of(objectives=["npo"], npo_beta=beta, npo_retain_weight=weight)
    torch.testing.assert_close(step_gradient(adapted, settings), expected, rtol=1e-4, atol=1e-5)


def test_npo_of_an_untrained_adapter_is_log_2_and_its_weights_stay_trainable(tiny_model):
    base = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    model = with_adapter(base, settings_of().lora, seed=1)
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    loss = npo_loss(model, FORGET, beta=0.1)
    assert loss.item() == pytest.approx(20 * math.log(2), rel=1e-4)
    assert {name for name, p in model.named_parameters() if p.requires_grad} == names


@pytest.mark.parametrize("objective", ["ngdiff", "graddiff", "npo"])
@pytest.mark.parametrize("parts", [2, 4, 8])
def test_a_step_does_not_depend_on_the_split_into_micro_batches(adapted, objective, parts):
    settings = settings_of(objectives=[objective])
    whole, split = step_gradient(adapted, settings), step_gradient(adapted, settings, parts)
    torch.testing.assert_close(split, whole, rtol=1e-4, atol=1e-6)


def test_normalizing_each_micro_batch_would_be_another_direction(adapted):
    halves = []
    for start in (0, 4):
        losses = [
            mean_loss(adapted, padded(part[start : start + 4], DATA.pad))
            for part in (DATA.forget, DATA.retain)
        ]
        halves.append(ngdiff(*(flat_gradient(loss, adapted) for loss in losses)))
    wrong = (halves[0] + halves[1]) / 2
    assert (wrong - step_gradient(adapted, settings_of(), parts=2)).norm() > 0.05
