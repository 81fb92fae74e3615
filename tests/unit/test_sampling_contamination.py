"""The contamination search finds exactly what comparing every pair would find."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from influence_warehouse.sampling.contamination import (
    MIN_QUESTION_CHARS,
    contained_questions,
    normalized,
)

WORDS = st.lists(st.sampled_from(["the", "The", "cat", "catalogue", "sat", "\n", "ß", "x" * 20]))
SENTENCES = WORDS.map(" ".join)


def every_pair(questions: list[str], texts: list[str]) -> list[set[int]]:
    return [
        {
            i
            for i, question in enumerate(questions)
            if len(normalized(question)) >= MIN_QUESTION_CHARS
            and normalized(question) in normalized(text)
        }
        for text in texts
    ]


@given(questions=st.lists(SENTENCES, max_size=6), texts=st.lists(SENTENCES, max_size=6))
def test_it_finds_what_comparing_every_pair_finds(questions, texts):
    assert contained_questions(questions, texts) == every_pair(questions, texts)


@given(parts=st.lists(SENTENCES, min_size=3, max_size=3), cut=st.integers(0, 5))
def test_a_question_inside_a_text_is_found_even_within_words(parts, cut):
    before, question, after = parts
    text = f"{before}{question} {after}"
    questions = [question, text[cut:], text[: len(text) - cut]]
    assert contained_questions(questions, [text]) == every_pair(questions, [text])


@pytest.mark.parametrize("question", ["What is this thing?", "", "   "])
def test_short_questions_are_passed_over(question):
    assert contained_questions([question], [f"so: {question} indeed"]) == [set()]


def test_case_and_white_space_do_not_hide_a_question():
    question = "Which planet is the largest?"
    assert contained_questions([question], ["so: WHICH planet\n\tis  the largest? ask"]) == [{0}]


def test_two_thousand_questions_and_five_thousand_documents_take_seconds():
    draw = random.Random(0)
    vocabulary = [f"w{i}" for i in range(3000)]
    weights = [1 / (i + 1) for i in range(3000)]
    texts = [" ".join(draw.choices(vocabulary, weights, k=300)) for _ in range(5000)]
    questions = [" ".join(draw.choices(vocabulary, weights, k=10)) for _ in range(1999)]
    questions.append(" ".join(texts[1234].split()[100:110]))
    start = time.perf_counter()
    found = contained_questions(questions, texts)
    seconds = time.perf_counter() - start
    assert 1999 in found[1234]
    assert seconds < 20
