"""Predictions equal log-likelihoods computed by hand, whatever the batch or the order."""

import logging
from copy import deepcopy
from pathlib import Path

import polars as pl
import pytest

from influence_warehouse.benchmarks.prompts import DELIMITER
from influence_warehouse.benchmarks.scoring import score_items
from influence_warehouse.errors import HealthError, InputError
from influence_warehouse.models.loading import load_model, load_tokenizer
from influence_warehouse.pipeline.making import make_fact
from tests.benchmark_world import item, lake_of, study_of, write_items
from tests.tiny_model import write_tiny_model

QUESTIONS = ["Who said that?", "Which city is on the river?", "What did the king do all day?"]
CHOICES = [
    ["the king", "a man of law and food", "no one"],
    ["by the water", "the new city", "it is not on a river", "you"],
    ["work", "he had a game", "it was the law of the state", "they", "over there"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A tiny model and two dozen items of 3 to 5 choices, some of one token."""
    folder = tmp_path_factory.mktemp("scoring")
    write_tiny_model(folder / "model")
    rows = [
        item(
            n,
            question=f"{QUESTIONS[n % 3]} It was year {n}.",
            choices=CHOICES[n % 3],
            answer_index=n % len(CHOICES[n % 3]),
        )
        for n in range(24)
    ]
    write_items(folder / "items.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def scored(folder):
    """Model, tokenizer, items and their predictions by accuracy."""
    study = study_of(folder, folder / "items.jsonl")
    lake = lake_of(folder)
    make_fact(study, lake, "benchmark_items")
    model, tokenizer = load_model(study, lake.home), load_tokenizer(study, lake.home)
    items = lake.read("benchmark_items")
    return model, tokenizer, items, score_items(model, tokenizer, items, {"b1": "acc"}, "base")


def by_hand(model, tokenizer, prompt: str, choice: str) -> float:
    """Sum of the log-probabilities of the choice's tokens after the prompt, one forward pass."""
    import torch

    prompt_ids = tokenizer.encode(prompt)
    whole = tokenizer.encode(prompt + DELIMITER + choice)
    with torch.no_grad():
        logprobs = (
            model(torch.tensor([whole], device=model.device)).logits[0].float().log_softmax(-1)
        )
    positions = range(len(prompt_ids), len(whole))
    return sum(logprobs[position - 1, whole[position]].item() for position in positions)


def test_log_likelihoods_equal_a_computation_by_hand(scored):
    model, tokenizer, items, predictions = scored
    for row, predicted in zip(
        items.iter_rows(named=True), predictions.iter_rows(named=True), strict=True
    ):
        expected = [by_hand(model, tokenizer, row["prompt"], c) for c in row["choices"]]
        assert predicted["choice_logprobs"] == pytest.approx(expected, abs=1e-4)
        assert predicted["predicted_index"] == expected.index(max(expected))
        assert predicted["is_correct"] == (predicted["predicted_index"] == row["answer_index"])
        right = expected.pop(row["answer_index"])
        margin = predicted["correct_logprob_margin"]
        assert margin == pytest.approx(right - max(expected), abs=1e-4)
        assert (margin > 0) == predicted["is_correct"]


def test_normalized_accuracy_divides_by_characters(scored):
    model, tokenizer, items, plain = scored
    normalized = score_items(model, tokenizer, items, {"b1": "acc_norm"}, "base")
    assert normalized["choice_logprobs"].to_list() == plain["choice_logprobs"].to_list()
    assert normalized["predicted_index"].to_list() != plain["predicted_index"].to_list()
    for row, predicted in zip(
        items.iter_rows(named=True), normalized.iter_rows(named=True), strict=True
    ):
        per_character = [
            logprob / len(choice)
            for logprob, choice in zip(predicted["choice_logprobs"], row["choices"], strict=True)
        ]
        assert predicted["predicted_index"] == per_character.index(max(per_character))
        # lm-eval's own verdict, not ours: they must agree.
        assert predicted["is_correct"] == (predicted["predicted_index"] == row["answer_index"])


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_batch_size_does_not_matter(scored, batch_size):
    model, tokenizer, items, expected = scored
    found = score_items(model, tokenizer, items, {"b1": "acc"}, "base", batch_size=batch_size)
    difference = (found["choice_logprobs"].explode() - expected["choice_logprobs"].explode()).abs()
    assert difference.max() < 1e-4
    assert found["predicted_index"].to_list() == expected["predicted_index"].to_list()


def test_order_of_items_does_not_matter(scored):
    model, tokenizer, items, expected = scored
    shuffled = items.sample(fraction=1.0, shuffle=True, seed=3)
    assert shuffled["item_id"].to_list() != items["item_id"].to_list()
    assert score_items(model, tokenizer, shuffled, {"b1": "acc"}, "base").equals(expected)


def test_scoring_leaves_no_trace(scored):
    model, tokenizer, items, _ = scored
    handlers, level = list(logging.root.handlers), logging.root.level
    without_padding = deepcopy(tokenizer)
    without_padding.pad_token = None
    model.train()
    score_items(model, without_padding, items.head(2), {"b1": "acc"}, "base")
    assert model.training
    model.eval()
    assert (list(logging.root.handlers), logging.root.level) == (handlers, level)
    assert without_padding.pad_token is None


def test_several_benchmarks_each_by_its_own_metric(scored):
    model, tokenizer, items, expected = scored
    both = pl.concat([items, items.with_columns(benchmark=pl.lit("a0"))])
    found = score_items(model, tokenizer, both, {"b1": "acc", "a0": "acc_norm"}, "adapted")
    assert found.height == 2 * items.height
    assert set(found["model"]) == {"adapted"}
    same = found.filter(benchmark="b1").drop("model")
    assert same["predicted_index"].to_list() == expected["predicted_index"].to_list()


def test_letters_of_multiple_choice_are_scored(folder, scored):
    model, tokenizer, _, _ = scored
    study = study_of(folder, folder / "items.jsonl", prompt_format="multiple_choice")
    lake = lake_of(folder / "letters")
    make_fact(study, lake, "benchmark_items")
    row = lake.read("benchmark_items").row(2, named=True)
    found = score_items(model, tokenizer, lake.read("benchmark_items"), {"b1": "acc"}, "base")
    expected = [by_hand(model, tokenizer, row["prompt"], c) for c in row["choices"]]
    assert row["choices"] == ["A", "B", "C", "D", "E"]
    assert found["choice_logprobs"][2].to_list() == pytest.approx(expected, abs=1e-4)


def test_fact_is_written_once_and_follows_its_inputs(folder):
    study = study_of(folder, folder / "items.jsonl")
    lake = lake_of(folder)
    make_fact(study, lake, "benchmark_items")
    outcome = make_fact(study, lake, "item_predictions", "base")[0]
    accuracy = lake.read("item_predictions", "base")["is_correct"].mean()
    assert outcome.details["b1"] == {"accuracy": accuracy, "items": 24}
    assert make_fact(study, lake, "item_predictions", "base")[0].reused
    normalized = study_of(folder, folder / "items.jsonl", metric="acc_norm")
    assert not make_fact(normalized, lake, "item_predictions", "base")[0].reused


def test_broken_weights_are_an_error(scored):
    import torch

    model, tokenizer, items, _ = scored
    weights = model.get_input_embeddings().weight
    kept = weights.detach().clone()
    try:
        with torch.no_grad():
            weights.fill_(float("nan"))
        with pytest.raises(HealthError, match="not finite"):
            score_items(model, tokenizer, items.head(2), {"b1": "acc"}, "base")
    finally:
        with torch.no_grad():
            weights.copy_(kept)


def test_a_choice_longer_than_the_context_is_an_error(scored):
    model, tokenizer, items, _ = scored
    long = items.head(1).with_columns(choices=pl.lit([["the " * 600, "a"]]).list.first())
    with pytest.raises(InputError, match=r"longer than the model's context of 512 tokens"):
        score_items(model, tokenizer, long, {"b1": "acc"}, "base")
