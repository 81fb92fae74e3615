"""Training with documents left out in place: their gradient goes, all else stays."""

import random
from copy import deepcopy

import pytest
import torch

from influence_warehouse.errors import HealthError
from influence_warehouse.models import training
from influence_warehouse.models.loading import Encoded
from influence_warehouse.models.training import Course, Recipe, learning_rates, train
from tests.unlearning_world import gradient_of

BATCHES = [[0, 1, 2], [3, 4, 5], [6, 7, 0]]


@pytest.fixture(scope="module")
def untrained(tiny_model):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_model)


@pytest.fixture
def model(untrained):
    return deepcopy(untrained)


@pytest.fixture(scope="module")
def course() -> Course:
    rng = random.Random(2)
    documents = []
    for number in range(8):
        ids = [rng.randrange(4, 150) for _ in range(rng.randint(4, 12))]
        # One is a training pair: there is no loss on its prompt.
        labels = [-100] * 3 + ids[3:] if number == 2 else list(ids)
        documents.append(Encoded(input_ids=ids, labels=labels))
    names = [f"d{number}" for number in range(8)]
    return Course(names, documents, BATCHES, Recipe(0.01, weight_decay=0.1), pad=3)


def weights(model) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same(a, b) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def gradients(model, course: Course, batch: list[int], absent=()) -> list[torch.Tensor]:
    model.zero_grad()
    training._loss(model, course, batch, absent)[0].backward()
    return [gradient_of(parameter).clone() for parameter in model.parameters()]


def test_leaving_out_nobody_is_the_base(model, course):
    twin = deepcopy(model)
    first, second = train(model, course), train(twin, course, {"of another corpus"})
    assert same(weights(model), weights(twin))
    assert torch.equal(first.losses, second.losses)
    assert first.n_kept == first.n_tokens
    # Of a document its first token has no loss, of a pair its prompt.
    counted = [sum(label != -100 for label in each["labels"][1:]) for each in course.documents]
    assert list(first.n_tokens) == [sum(counted[n] for n in batch) for batch in BATCHES]


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_leaving_out_takes_the_document_s_own_gradient_away(model, course, left_out):
    """Explicitly: the sum over its tokens, by itself and unpadded, over the batch's tokens."""
    batch = [0, 1, 2]
    whole = gradients(model, course, batch)
    without = gradients(model, course, batch, {left_out})
    document = course.documents[left_out]
    n_tokens = training._loss(model, course, batch, ())[1]
    model.zero_grad()
    inputs = torch.tensor([document["input_ids"]])
    alone = model(input_ids=inputs, labels=torch.tensor([document["labels"]])).loss
    own = sum(label != -100 for label in document["labels"][1:])
    (alone * own / n_tokens).backward()
    for before, after, parameter in zip(whole, without, model.parameters(), strict=True):
        contribution = before - after
        assert contribution.abs().max() > 0
        torch.testing.assert_close(contribution, gradient_of(parameter), rtol=1e-3, atol=2e-6)


def test_the_loss_is_that_of_transformers_when_nothing_is_left_out(model, course):
    inputs, labels = training.padded([course.documents[n] for n in BATCHES[0]], course.pad)
    expected = model(input_ids=inputs, labels=labels).loss
    assert training._loss(model, course, BATCHES[0], ())[0].item() == pytest.approx(expected.item())


def test_other_batches_and_the_schedule_stay(model, course):
    """Until the first batch that has the document, training is the base's to the bit."""
    states: dict[str, list] = {}
    for name, left_out in {"base": (), "without": ("d4",)}.items():
        states[name] = []
        train(
            deepcopy(model),
            course,
            left_out,
            lambda step, model, optimizer, kept=states[name]: kept.append(
                (weights(model), optimizer.param_groups[0]["lr"])
            ),
        )
    same_weights = [same(a[0], b[0]) for a, b in zip(*states.values(), strict=True)]
    assert same_weights == [True, False, False]
    assert [rate for _, rate in states["base"]] == [rate for _, rate in states["without"]]


def test_a_batch_of_which_all_is_left_out_is_still_a_step(model, course):
    before = weights(model)
    seen = []
    trained = train(
        model, course, {"d0", "d1", "d2"}, lambda step, model, _: seen.append(weights(model))
    )
    assert trained.losses[0] == 0 and trained.n_kept[0] == 0 < trained.n_tokens[0]
    # No gradient, and weight decay alone.
    rate = learning_rates(course.recipe, len(BATCHES))[0]
    for name, value in before.items():
        torch.testing.assert_close(seen[0][name], value * (1 - rate * 0.1))
    assert torch.isfinite(trained.losses).all()
    assert train(model, course, set(course.doc_ids)).loss is None


def test_the_loss_told_is_of_kept_tokens_at_the_end(model, course):
    trained = train(model, course, {"d7"})
    kept = trained.losses[-1].item() * trained.n_tokens[-1] / trained.n_kept[-1]
    assert trained.n_kept[-1] < trained.n_tokens[-1]
    assert trained.loss == pytest.approx(kept)


def test_a_loss_that_is_no_number_is_told(model, course):
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(HealthError, match="loss of step 0 is not finite"):
        train(model, course)
