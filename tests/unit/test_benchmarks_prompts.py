"""Prompts and queries: the right answer follows the prompt and alone carries the loss."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from influence_warehouse.benchmarks.prompts import DELIMITER, LETTERS, render
from influence_warehouse.benchmarks.queries import encode_queries
from influence_warehouse.errors import InputError
from influence_warehouse.models.encoding import IGNORED
from tests.tiny_model import write_tiny_tokenizer

TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1).map(
    lambda text: text.strip() or "x"
)
CHOICES = st.lists(TEXTS, min_size=2, max_size=10, unique=True)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return write_tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def test_multiple_choice_lists_the_choices_and_completes_with_letters():
    rendered = render(
        "multiple_choice", "It rained.", "What got wet?", ["the road", "me", "no one"]
    )
    assert rendered.prompt == (
        "Question: It rained. What got wet?\nA. the road\nB. me\nC. no one\nAnswer:"
    )
    assert rendered.completions == ("A", "B", "C")


def test_question_answer_and_cloze():
    assert render("question_answer", "", "Why?", ["x", "y"]).prompt == "Question: Why?\nAnswer:"
    assert render("cloze", "It rained", "so the road was", ["wet", "dry"]) == (
        "It rained so the road was",
        ("wet", "dry"),
    )


@given(TEXTS, TEXTS, CHOICES)
def test_every_format_keeps_question_and_number_of_choices(context, question, choices):
    for name in ("multiple_choice", "question_answer", "cloze"):
        prompt, completions = render(name, context, question, choices)
        assert question in prompt
        assert context in prompt
        assert len(completions) == len(choices)
        assert not prompt.endswith(DELIMITER) or name == "cloze"
    letters = render("multiple_choice", context, question, choices).completions
    assert letters == tuple(LETTERS[: len(choices)])


def items_of(*rows: tuple[str, list[str], int]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "benchmark": "b",
                "item_id": f"{number}",
                "prompt": prompt,
                "choices": choices,
                "answer_index": answer,
            }
            for number, (prompt, choices, answer) in enumerate(rows)
        ]
    )


def test_only_the_right_answer_has_labels(tokenizer):
    items = items_of(("the king said:", ["a new city", "no"], 0), ("who?", ["me", "the man"], 1))
    queries = encode_queries(items, tokenizer, 64)
    for query, answer in zip(queries, ["a new city", "the man"], strict=True):
        labels = [token for token in query["labels"] if token != IGNORED]
        assert tokenizer.decode(labels) == answer
        assert query["input_ids"][-len(labels) :] == labels
        assert len(query["labels"]) == len(query["input_ids"])
        assert query["labels"][0] == IGNORED


def test_a_long_prompt_is_cut_from_the_left(tokenizer):
    prompt = "the river of the king and the city:"
    whole = encode_queries(items_of((prompt, ["a man", "no"], 0)), tokenizer, 64)[0]
    cut = encode_queries(items_of((prompt, ["a man", "no"], 0)), tokenizer, 5)[0]
    assert cut["input_ids"] == whole["input_ids"][-5:]
    assert cut["labels"] == whole["labels"][-5:]
    assert len([label for label in cut["labels"] if label != IGNORED]) == 2


def test_answers_that_cannot_be_queries(tokenizer):
    with pytest.raises(InputError, match="b/0: its right answer is empty"):
        encode_queries(items_of(("who?", [" ", "x"], 0)), tokenizer, 64)
    with pytest.raises(InputError, match=r"b/0: its right answer takes 4 tokens of 4"):
        encode_queries(items_of(("who?", ["the man of law", "x"], 0)), tokenizer, 4)
